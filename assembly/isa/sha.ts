/** SHA-1 and SHA-256 rounds and message schedules, four words at a time. FIPS 180-4, 4.1 and 6; SDM Vol. 2, SHA1RNDS4 and following. */

/** A register of four words, lane 0 first. */
function lanes(w0: u32, w1: u32, w2: u32, w3: u32): v128 {
  return i32x4.replace_lane(i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(w0), 1, w1), 2, w2), 3, w3);
}
function choose(x: u32, y: u32, z: u32): u32 {
  return (x & y) ^ (~x & z);
}
function majority(x: u32, y: u32, z: u32): u32 {
  return (x & y) ^ (x & z) ^ (y & z);
}

/** f and K of SHA-1 by quarter of the 80 rounds. */
function sha1Mix(quarter: u32, b: u32, c: u32, d: u32): u32 {
  if (quarter == 0) return choose(b, c, d) + 0x5a827999;
  if (quarter == 1) return (b ^ c ^ d) + 0x6ed9eba1;
  if (quarter == 2) return majority(b, c, d) + 0x8f1bbcdc;
  return (b ^ c ^ d) + 0xca62c1d6;
}

/** SHA1RNDS4: four rounds on A B C D (high lane first); the first message word already has E added. */
export function sha1Rounds(state: v128, words: v128, quarter: u32): v128 {
  let a = <u32>i32x4.extract_lane(state, 3);
  let b = <u32>i32x4.extract_lane(state, 2);
  let c = <u32>i32x4.extract_lane(state, 1);
  let d = <u32>i32x4.extract_lane(state, 0);
  let e: u32 = 0;
  let rest = words;
  for (let n = 0; n < 4; n++) {
    const next = sha1Mix(quarter & 3, b, c, d) + rotl<u32>(a, 5) + <u32>i32x4.extract_lane(rest, 3) + e;
    rest = i32x4.shuffle(rest, rest, 3, 0, 1, 2);
    e = d;
    d = c;
    c = rotl<u32>(b, 30);
    b = a;
    a = next;
  }
  return lanes(d, c, b, a);
}
/** SHA1NEXTE: E of four rounds later, added to the next message word. */
export function sha1NextE(state: v128, words: v128): v128 {
  const e = rotl<u32>(<u32>i32x4.extract_lane(state, 3), 30);
  return i32x4.replace_lane(words, 3, i32x4.extract_lane(words, 3) + <i32>e);
}
/** SHA1MSG1: W[t-16] ^ W[t-14]. */
export function sha1Message1(a: v128, b: v128): v128 {
  return v128.xor(a, i32x4.shuffle(a, b, 6, 7, 0, 1));
}
/** SHA1MSG2: the rest of W[t], rotated; the last word depends on the first. */
export function sha1Message2(a: v128, b: v128): v128 {
  const w16 = rotl<u32>(<u32>(i32x4.extract_lane(a, 3) ^ i32x4.extract_lane(b, 2)), 1);
  const w17 = rotl<u32>(<u32>(i32x4.extract_lane(a, 2) ^ i32x4.extract_lane(b, 1)), 1);
  const w18 = rotl<u32>(<u32>(i32x4.extract_lane(a, 1) ^ i32x4.extract_lane(b, 0)), 1);
  const w19 = rotl<u32>((<u32>i32x4.extract_lane(a, 0)) ^ w16, 1);
  return lanes(w19, w18, w17, w16);
}

function bigSigma0(x: u32): u32 {
  return rotr<u32>(x, 2) ^ rotr<u32>(x, 13) ^ rotr<u32>(x, 22);
}
function bigSigma1(x: u32): u32 {
  return rotr<u32>(x, 6) ^ rotr<u32>(x, 11) ^ rotr<u32>(x, 25);
}
function smallSigma0(x: u32): u32 {
  return rotr<u32>(x, 7) ^ rotr<u32>(x, 18) ^ (x >> 3);
}
function smallSigma1(x: u32): u32 {
  return rotr<u32>(x, 17) ^ rotr<u32>(x, 19) ^ (x >> 10);
}

/** SHA256RNDS2: two rounds; `cdgh` and `abef` hold the state, high lane first; words come with their constants added. */
export function sha256Rounds(cdgh: v128, abef: v128, words: v128): v128 {
  let a = <u32>i32x4.extract_lane(abef, 3);
  let b = <u32>i32x4.extract_lane(abef, 2);
  let c = <u32>i32x4.extract_lane(cdgh, 3);
  let d = <u32>i32x4.extract_lane(cdgh, 2);
  let e = <u32>i32x4.extract_lane(abef, 1);
  let f = <u32>i32x4.extract_lane(abef, 0);
  let g = <u32>i32x4.extract_lane(cdgh, 1);
  let h = <u32>i32x4.extract_lane(cdgh, 0);
  let w = <u32>i32x4.extract_lane(words, 0);
  for (let n = 0; n < 2; n++) {
    const t = choose(e, f, g) + bigSigma1(e) + w + h;
    h = g;
    g = f;
    f = e;
    e = d + t;
    d = c;
    c = b;
    b = a;
    a = t + majority(b, c, d) + bigSigma0(b);
    w = <u32>i32x4.extract_lane(words, 1);
  }
  return lanes(f, e, b, a);
}
/** SHA256MSG1: W[t-16] + σ0(W[t-15]). */
export function sha256Message1(a: v128, b: v128): v128 {
  return lanes(
    <u32>i32x4.extract_lane(a, 0) + smallSigma0(<u32>i32x4.extract_lane(a, 1)),
    <u32>i32x4.extract_lane(a, 1) + smallSigma0(<u32>i32x4.extract_lane(a, 2)),
    <u32>i32x4.extract_lane(a, 2) + smallSigma0(<u32>i32x4.extract_lane(a, 3)),
    <u32>i32x4.extract_lane(a, 3) + smallSigma0(<u32>i32x4.extract_lane(b, 0)),
  );
}
/** SHA256MSG2: the rest of W[t]; the upper two words depend on the lower. */
export function sha256Message2(a: v128, b: v128): v128 {
  const w16 = <u32>i32x4.extract_lane(a, 0) + smallSigma1(<u32>i32x4.extract_lane(b, 2));
  const w17 = <u32>i32x4.extract_lane(a, 1) + smallSigma1(<u32>i32x4.extract_lane(b, 3));
  const w18 = <u32>i32x4.extract_lane(a, 2) + smallSigma1(w16);
  const w19 = <u32>i32x4.extract_lane(a, 3) + smallSigma1(w17);
  return lanes(w16, w17, w18, w19);
}
