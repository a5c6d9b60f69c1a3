/**
 * What happens to containers and images, as `viv events` tells it. Names and attributes are those of docker events ("Object
 * types").
 */
import type { ContainerConfig } from './config.ts';

export type EventType = 'container' | 'image';

/** One line of the event log, newest last. */
export interface VivariumEvent {
  readonly type: EventType;
  /** `start`, `die`, `health_status: healthy`, `exec_create: sh`; for images `pull`, `tag`, `untag`, … */
  readonly action: string;
  /** Of the container, or the image's name or ID. */
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
}

export type NewEvent = Omit<VivariumEvent, 'time'>;

/** Where events go. Never throws: that something happened is true even if nobody can write it down. */
export interface EventSink {
  append(event: NewEvent): Promise<void>;
}

/** An event of a container: its labels, image and name, and what belongs to the action, such as `exitCode`. */
export function containerEvent(
  action: string,
  { config, name }: { readonly config: Pick<ContainerConfig, 'id' | 'image' | 'labels'>; readonly name: string },
  more: Readonly<Record<string, string>> = {},
): NewEvent {
  const attributes = { ...config.labels, ...more, image: config.image.name, name };
  return { type: 'container', action, id: config.id, attributes };
}

/** An event of an image, which is called `id`: as the user named it, or by its ID when that is gone. */
export function imageEvent(action: string, id: string, attributes: Readonly<Record<string, string>> = {}): NewEvent {
  return { type: 'image', action, id, attributes };
}
