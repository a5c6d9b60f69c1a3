/** See rooms.js. */
import type { Rule } from 'eslint';
export const rooms: Rule.RuleModule;
