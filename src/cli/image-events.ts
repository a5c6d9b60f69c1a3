/** Writes down what commands do to images, for `viv events`. */
import { imageEvent } from '../container/lifecycle/events.ts';
import { openContainers } from './containers.ts';

/** `id` is a name or an ID, as docker events has it for this action. */
export async function tellImage(
  action: string,
  id: string,
  attributes: Readonly<Record<string, string>>,
): Promise<void> {
  await openContainers().events.append(imageEvent(action, id, attributes));
}
