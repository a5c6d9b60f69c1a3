/**
 * Where indirect jumps and calls went that left their region: a translator that includes these places next time can go there
 * without leaving. Direct-mapped by the jump's address; what is forgotten is learnt again.
 */
import { TARGETS, TARGET_SETS, TARGET_SET_SIZE } from '../layout';

// {u64 linear address of the jump, u32 count, u32, i32 distance of each target from the jump}
const S_COUNT: usize = 8;
const S_TARGETS: usize = 16;
const TARGETS_MAX: u32 = 28;

function setFor(source: u64): usize {
  return TARGETS + ((<usize>((<u32>source) ^ (<u32>(source >> 11)))) & (TARGET_SETS - 1)) * TARGET_SET_SIZE;
}
/** The jump at `source` went to `target`. Returns whether that is news. */
export function learnTarget(source: u64, target: u64): bool {
  const distance = <i32>(target - source);
  if (source + <u64>(<i64>distance) != target) return false;
  const set = setFor(source);
  if (load<u64>(set) != source) {
    store<u64>(set, source);
    store<u32>(set, 0, S_COUNT);
  }
  const count = load<u32>(set, S_COUNT);
  for (let n: u32 = 0; n < count; n++) if (load<i32>(set + ((<usize>n) << 2), S_TARGETS) == distance) return false;
  if (count >= TARGETS_MAX) return false;
  store<i32>(set + ((<usize>count) << 2), distance, S_TARGETS);
  store<u32>(set, count + 1, S_COUNT);
  return true;
}
/** How many targets are known of the jump. */
export function targetCount(source: u64): u32 {
  const set = setFor(source);
  return load<u64>(set) == source ? load<u32>(set, S_COUNT) : 0;
}
/** Distance of the nth. */
export function targetDistance(source: u64, n: u32): i32 {
  return load<i32>(setFor(source) + ((<usize>n) << 2), S_TARGETS);
}
