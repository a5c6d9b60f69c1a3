/** Several pieces of work at a time. */

/** Works on all items, so many at once. After a failure nothing new is begun; what is under way ends before it is thrown. */
export async function eachOf<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const pending = [...items];
  let failed = false;
  const worker = async (): Promise<void> => {
    for (let item = pending.shift(); item !== undefined && !failed; item = pending.shift()) {
      await work(item).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
