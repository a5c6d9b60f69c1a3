/** Writes straight-line code for the instructions at RIP: the proof of the staged form. The translator proper replaces it. */
import { CODE_BASE, COUNT, CURRENT, LINEAR_MASK, OP_FIRST, RECORD_SIZE, RIP, START } from '../layout';
import { emitInsn } from '../generated/emit-dispatch';
import { Insn } from './backend';
import { enter, ipAfter, ipOf, next } from './cache';
import { beginFunction, beginInsn, ended, endFunction } from './emit';

let first: usize = 0;
let taken: i32 = 0;

export function emitAt(count: i32): u32 {
  store<u32>(CURRENT, 0);
  store<i64>(COUNT, 1); // a branch at the end leaves at once
  first = enter((load<u64>(RIP) + load<u64>(CODE_BASE)) & load<u64>(LINEAR_MASK));
  store<usize>(START, first);
  beginFunction();
  taken = 0;
  let record = first;
  while (taken < count && !ended) {
    const i = changetype<Insn>(record);
    if (<i32>i.op < OP_FIRST) break;
    beginInsn(taken);
    if (!emitInsn(i, taken)) break;
    taken++;
    record += RECORD_SIZE;
  }
  return taken ? endFunction(taken) : 0;
}
export function emittedInsns(): i32 {
  return taken;
}

export function afterEmitted(done: i32): void {
  if (done == taken && ended) {
    // A branch has set RIP; a helper says by `next` whether it goes on, starts over (REP) or went elsewhere.
    const last = first + <usize>(taken - 1) * RECORD_SIZE;
    if (next == last + RECORD_SIZE) store<u64>(RIP, ipAfter(changetype<Insn>(last)));
    else if (next == last) store<u64>(RIP, ipOf(last));
    return;
  }
  store<u64>(
    RIP,
    done == taken
      ? ipAfter(changetype<Insn>(first + <usize>(done - 1) * RECORD_SIZE))
      : ipOf(first + <usize>done * RECORD_SIZE),
  );
}
