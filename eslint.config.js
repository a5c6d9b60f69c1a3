/**
 * Lint rules. Besides the usual ones: the rooms of docs/architecture.md (who may import whom), what browser-safe code
 * may not touch, and the staged form of instruction semantics. Layout is prettier's business.
 */
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { rooms } from './scripts/lint/rooms.js';

/** Rooms and files that run in Node alone. */
const NODE_ONLY = ['src/cli/**', 'src/server/**', 'src/worker/node*', 'src/**/node-*.ts', 'web/vite.site.ts'];

/** In a staged semantic function (its first type parameter is the backend B), decisions are the backend's. */
const STAGED = 'FunctionDeclaration[typeParameters.params.0.name.name="B"]';
const DECISION = '[test.callee.property.name=/^(begin|usually|rarely)$/]';
const STATIC_TEST = ':not([test.left.callee.name="sizeof"])';
const notStaged = (selector, instead) => ({
  selector: `${STAGED} ${selector}`,
  message: `right in the interpreter, silently wrong in the translator: use ${instead}`,
});

export default defineConfig(
  { ignores: ['dist/', 'build/', 'coverage/', 'assembly/*', '!assembly/layout.ts', '!assembly/isa/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  tseslint.configs.recommended,
  {
    rules: {
      eqeqeq: 'error',
      'no-constant-condition': ['error', { checkLoops: 'allExceptWhileTrue' }],
      'no-unused-private-class-members': 'error',
      'no-restricted-syntax': ['error', { selector: 'ExportDefaultDeclaration', message: 'no default exports' }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' },
      ],
    },
  },
  { files: ['*.config.{js,ts}'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: ['src/**/*.ts', 'web/**/*.ts'],
    plugins: { vivarium: { rules: { rooms } } },
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      'vivarium/rooms': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    files: ['src/**/*.ts', 'web/**/*.ts'],
    ignores: NODE_ONLY,
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^node:', message: 'browser-safe code: Node belongs in a file named node-*.ts' }] },
      ],
      'no-restricted-globals': ['error', 'process', 'Buffer', 'require', 'setImmediate', '__dirname'],
    },
  },
  {
    files: ['src/{core,devices,machine,container,sandbox,lab,oci,net}/**/*.ts'],
    ignores: NODE_ONLY,
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'time is injected' },
        { object: 'performance', property: 'now', message: 'time is injected' },
        { object: 'Math', property: 'random', message: 'randomness is injected' },
      ],
    },
  },
  { files: ['**/*.d.ts'], rules: { 'no-restricted-syntax': 'off', 'no-restricted-imports': 'off' } },
  {
    // AssemblyScript, which is TypeScript for the parser only.
    files: ['assembly/isa/**/*.ts'],
    ignores: ['**/*.table.ts'],
    languageOptions: { parserOptions: { allowInvalidAST: true } },
    rules: {
      eqeqeq: 'off',
      '@typescript-eslint/no-unused-vars': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      'no-restricted-syntax': [
        'error',
        notStaged(`IfStatement:not(${DECISION})${STATIC_TEST}`, 'if (e.begin(condition)) { … } e.end()'),
        notStaged(`IfStatement${DECISION}[alternate]`, 'a second e.begin: Emit enters both'),
        notStaged(`ConditionalExpression${STATIC_TEST}`, 'e.select'),
        notStaged(':matches(ForStatement, WhileStatement, DoWhileStatement)', 'a backend loop or a helper'),
        notStaged('LogicalExpression', 'e.and or e.or'),
        notStaged('SwitchStatement', 'one function for each case'),
      ],
    },
  },
);
