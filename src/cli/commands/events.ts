/** `viv events`: what happens to containers and images (docker events). */
import { Command } from 'commander';
import { eventFilter } from '../../container/lifecycle/event-filter.ts';
import { SystemClock } from '../../container/lifecycle/node-clock.ts';
import { type ReadEvent, readEvents } from '../../container/lifecycle/node-event-reader.ts';
import { parseMoment } from '../../container/lifecycle/time-words.ts';
import { action, interruptible } from '../action.ts';
import { openContainers } from '../containers.ts';
import { Template } from '../format/template.ts';
import { EventFields, eventLine, eventText } from '../format/event-text.ts';
import { writeTo } from '../streams.ts';

interface EventsFlags {
  readonly since?: string;
  readonly until?: string;
  readonly filter: readonly string[];
  readonly format?: string;
}

export function eventsCommand(): Command {
  return new Command('events')
    .summary('show what happens')
    .description(
      'Shows what happens to containers and images from now on, or since a time, until it is stopped or a time.',
    )
    .option('-f, --filter <filter>', 'container=, event=, image=, label=, type= or scope=', collect, [])
    .option('--since <time>', 'what has happened since a time like 2024-01-02T13:23:37Z, or a duration ago like 42m')
    .option('--until <time>', 'end at such a time')
    .option('--format <format>', 'json, or a Go template')
    .addHelpText('after', '\nExample:\n  viv events --since 1h --until 0s --filter event=die')
    .action(
      action(async ({ since, until, filter, format }: EventsFlags) => {
        const clock = new SystemClock();
        const nowNs = clock.nowNs();
        const isWanted = eventFilter(filter);
        const show = formatter(format);
        const write = writeTo(process.stdout);
        await interruptible(async (signal) => {
          const events = readEvents(openContainers().events.path, {
            sinceNs: since === undefined ? undefined : parseMoment(since, '--since', nowNs),
            untilNs: until === undefined ? undefined : parseMoment(until, '--until', nowNs),
            nowNs: () => clock.nowNs(),
            signal,
          });
          for await (const event of events) {
            if (!isWanted(event)) continue;
            const line = show(event);
            try {
              await write(Buffer.from(`${line}\n`));
            } catch {
              return; // nobody reads us any more
            }
          }
        });
      }),
    );
}

const collect = (value: string, all: readonly string[]): string[] => [...all, value];

/** Throws USAGE. */
function formatter(format: string | undefined): (event: ReadEvent) => string {
  if (format === undefined) return eventLine;
  if (format === 'json') return eventText;
  const template = new Template(format);
  return (event) => template.execute(new EventFields(event));
}
