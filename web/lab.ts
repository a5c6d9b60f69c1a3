/** The page of a lab: lab.html?lab=labs/first-steps/#step=ID. Labs come from this site alone. */
import { labAddress } from './lab/lab-address.ts';
import './lab/lab-element.ts';
import { siteBase } from './site/base.ts';
import { keepOffline } from './site/offline.ts';
import { sentenceOf, shown } from './ui/sentences.ts';

const main = document.querySelector('main')!;
try {
  const lab = document.createElement('viv-lab');
  lab.src = labAddress(new URLSearchParams(location.search)).href;
  lab.hash = true;
  lab.addEventListener('viv-ready', () => {
    document.title = `${lab.lab!.title}: Vivarium`;
    // The machine comes first.
    void keepOffline(siteBase());
  });
  main.append(lab);
} catch (error) {
  const problem = document.createElement('p');
  problem.setAttribute('role', 'alert');
  problem.textContent = shown(sentenceOf(error));
  main.append(problem);
}
