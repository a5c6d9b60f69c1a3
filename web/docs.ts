/** The project's documents: docs.html?page=how-to/write-a-lab, and without a page a list of all. */
import './docs/document-element.ts';

const page = new URLSearchParams(location.search).get('page');
const element = document.createElement('viv-document');
element.page = page ?? undefined;
element.addEventListener('viv-ready', () => (document.title = `${element.documentTitle}: Vivarium`));
document.querySelector('main')!.append(element);
