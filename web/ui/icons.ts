/** Signs that fonts often lack, as pictures of the text's size and colour. Assistive technology does not see them. */
import { html, svg, type SVGTemplateResult, type TemplateResult } from 'lit';

function icon(shapes: SVGTemplateResult): TemplateResult {
  return html`<svg class="sign" viewBox="0 0 16 16" aria-hidden="true">${shapes}</svg>`;
}

/** A sheet in front of another. */
export function copyIcon(): TemplateResult {
  return icon(svg`<rect x="2" y="2" width="8.5" height="8.5" rx="1" /><path d="M5.5 13v1h8.5v-8.5h-1" />`);
}

/** A magnifying glass. */
export function findIcon(): TemplateResult {
  return icon(svg`<circle cx="6.5" cy="6.5" r="4.5" /><path d="m10 10 4.5 4.5" />`);
}
