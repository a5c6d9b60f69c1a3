/** `viv tag`: another name for an image (docker tag). */
import { Command } from 'commander';
import { familiarName, parseImageName, withDefaultTag } from '../../oci/image-name.ts';
import { action } from '../action.ts';
import { tellImage } from '../image-events.ts';
import { openStore } from '../registry-settings.ts';

export function tagCommand(): Command {
  return new Command('tag')
    .summary('give an image another name')
    .description('Gives an image of the store another name, taking it from whatever had it.')
    .usage('IMAGE NAME[:TAG]')
    .argument('<image>')
    .argument('<name>')
    .addHelpText('after', '\nExample:\n  viv tag debian:bookworm localhost:5000/debian')
    .action(
      action(async (image: string, text: string) => {
        const store = openStore();
        const name = parseImageName(text);
        await store.tag(image, name);
        const { id } = await store.find(text);
        await tellImage('tag', id, { name: familiarName(withDefaultTag(name)) });
      }),
    );
}
