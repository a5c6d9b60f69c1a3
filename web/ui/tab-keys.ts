/** Keys of a list of tabs (WAI-ARIA Authoring Practices, "Tabs"). */

/** The tab that an arrow key, Home or End leads to, whose default is then prevented; undefined for other keys. */
export function followingTab<T>(event: KeyboardEvent, tabs: readonly T[], current: T | undefined): T | undefined {
  const at = current === undefined ? 0 : tabs.indexOf(current);
  const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (next === undefined || tabs.length === 0) return undefined;
  event.preventDefault();
  return tabs[(next + tabs.length) % tabs.length];
}
