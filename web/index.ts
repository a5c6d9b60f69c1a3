/** The first page: its machine starts by itself, and its buttons type into the terminal. */
import './machine/machine-element.ts';
import { keepOffline } from './site/offline.ts';

const machine = document.querySelector('viv-machine')!;
for (const button of document.querySelectorAll<HTMLButtonElement>('button.command'))
  button.addEventListener('click', () => void typeCommand(button.dataset['command']!));
// The machine comes first.
machine.addEventListener('viv-ready', () => void keepOffline(new URL('./', document.baseURI)), { once: true });

async function typeCommand(command: string): Promise<void> {
  try {
    await machine.start();
    await machine.terminals!.typeCommand(command);
  } catch {
    // The element shows why the machine does not run.
  }
}
