import { describe, expect, test } from 'vitest';
import { ManualClock } from './support.ts';

describe('TimerQueue', () => {
  test('tells the earliest deadline, and none when nothing is armed', () => {
    const clock = new ManualClock();
    const early = clock.createTimer('early', () => {});
    clock.createTimer('late', () => {}).arm(200);
    early.arm(100);
    const before = clock.nextDeadlineNs();
    early.cancel();
    expect([before, clock.nextDeadlineNs()]).toEqual([100, 200]);
  });

  test('fires what is due in order of deadline, then of creation', () => {
    const clock = new ManualClock();
    const fired: string[] = [];
    const a = clock.createTimer('a', () => fired.push('a'));
    const b = clock.createTimer('b', () => fired.push('b'));
    const c = clock.createTimer('c', () => fired.push('c'));
    c.arm(10);
    b.arm(20);
    a.arm(20);
    clock.jump(20);
    expect(clock.runDue()).toBe(3);
    expect(fired).toEqual(['c', 'a', 'b']);
  });

  test('never fires inside arm, even for the past', () => {
    const clock = new ManualClock();
    let count = 0;
    clock.createTimer('past', () => count++).arm(-5);
    expect(count).toBe(0);
    clock.runDue();
    expect(count).toBe(1);
  });

  test('a timer that arms itself for the past fires once per call', () => {
    const clock = new ManualClock();
    let count = 0;
    const timer = clock.createTimer('again', () => {
      count++;
      timer.arm(0);
    });
    timer.arm(0);
    clock.runDue();
    expect(count).toBe(1);
    expect(clock.nextDeadlineNs()).toBe(0);
  });

  test('a timer that an earlier one cancels does not fire', () => {
    const clock = new ManualClock();
    let count = 0;
    const victim = clock.createTimer('victim', () => count++);
    clock.createTimer('killer', () => victim.cancel()).arm(1);
    victim.arm(2);
    clock.jump(5);
    clock.runDue();
    expect(count).toBe(0);
  });

  test('a fired timer has no deadline', () => {
    const clock = new ManualClock();
    const timer = clock.createTimer('once', () => {});
    timer.arm(1);
    clock.advance(1);
    expect(timer.deadlineNs).toBeUndefined();
  });
});
