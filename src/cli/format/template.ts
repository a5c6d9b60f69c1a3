/**
 * Go templates (package text/template) as far as `--format` users write them: fields, pipelines, variables, `if`, `range`,
 * `with`, comparison, and the functions that Docker documents ("Format command and log output"). Values are plain JSON,
 * and functions where there are methods. Left out, with an error that says so: definitions, `break`, `continue`.
 */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { isGoMap } from './go-values.ts';
import { FUNCTIONS, isTrue, show } from './functions.ts';
import { type Command, type Node, type Operand, type Pipeline, parseTemplate } from './template-parser.ts';

/** A compiled template. */
export class Template {
  readonly #nodes: readonly Node[];
  readonly #text: string;

  /** Throws USAGE when it can't be parsed. */
  constructor(text: string) {
    this.#text = text;
    this.#nodes = parseTemplate(text);
  }

  /** Throws USAGE when the value has not what the template asks for. */
  execute(value: unknown): string {
    return new Execution(this.#text, value).run(this.#nodes, value, new Map([['$', value]]));
  }
}

type Variables = ReadonlyMap<string, unknown>;

class Execution {
  readonly #text: string;
  readonly #root: unknown;

  constructor(text: string, root: unknown) {
    this.#text = text;
    this.#root = root;
  }

  run(nodes: readonly Node[], dot: unknown, outer: Variables): string {
    const variables = new Map(outer);
    let output = '';
    for (const node of nodes) {
      switch (node.kind) {
        case 'text':
          output += node.text;
          break;
        case 'print': {
          const value = this.#pipeline(node.pipeline, dot, variables);
          if (node.variable === undefined) output += show(value);
          else variables.set(node.variable, value);
          break;
        }
        case 'if': {
          const isTaken = isTrue(this.#pipeline(node.pipeline, dot, variables));
          output += this.run(isTaken ? node.body : node.otherwise, dot, variables);
          break;
        }
        case 'with': {
          const value = this.#pipeline(node.pipeline, dot, variables);
          output += isTrue(value) ? this.run(node.body, value, variables) : this.run(node.otherwise, dot, variables);
          break;
        }
        case 'range':
          output += this.#range(node, dot, variables);
      }
    }
    return output;
  }

  #range(node: Extract<Node, { kind: 'range' }>, dot: unknown, variables: Variables): string {
    const value = this.#pipeline(node.pipeline, dot, variables);
    const items = this.#items(value);
    if (items.length === 0) return this.run(node.otherwise, dot, variables);
    return items
      .map(([key, item]) => {
        const inner = new Map(variables);
        const [first, second] = node.variables;
        if (second !== undefined) inner.set(first!, key).set(second, item);
        else if (first !== undefined) inner.set(first, item);
        return this.run(node.body, item, inner);
      })
      .join('');
  }

  #items(value: unknown): Array<[unknown, unknown]> {
    if (value === null || value === undefined) return [];
    if (Array.isArray(value)) return [...value.entries()];
    if (typeof value === 'object') return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    throw this.#fail(`range can't go over ${show(value)}`);
  }

  #pipeline(pipeline: Pipeline, dot: unknown, variables: Variables): unknown {
    let value: unknown;
    for (const [index, command] of pipeline.entries())
      value = this.#command(command, dot, variables, index === 0 ? [] : [value]);
    return value;
  }

  #command(command: Command, dot: unknown, variables: Variables, piped: readonly unknown[]): unknown {
    const [head, ...rest] = command;
    const values = [...rest.map((operand) => this.#operand(operand, dot, variables)), ...piped];
    if (head!.kind !== 'function') {
      const value = this.#operand(head!, dot, variables);
      if (typeof value === 'function')
        return this.#call('the method', value as (...values: unknown[]) => unknown, values);
      if (values.length > 0) throw this.#fail('only a function takes arguments');
      return value;
    }
    const run = FUNCTIONS.get(head!.name);
    if (run === undefined) throw this.#fail(`there is no function ${head!.name}`);
    return this.#call(head!.name, run, values);
  }

  #call(what: string, run: (...values: unknown[]) => unknown, values: readonly unknown[]): unknown {
    try {
      return run(...values);
    } catch (error) {
      throw this.#fail(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #operand(operand: Operand, dot: unknown, variables: Variables): unknown {
    switch (operand.kind) {
      case 'value':
        return operand.value;
      case 'field':
        return this.#fields(dot, operand.path);
      case 'variable':
        if (!variables.has(operand.name)) throw this.#fail(`there is no variable ${operand.name}`);
        return this.#fields(operand.name === '$' ? this.#root : variables.get(operand.name), operand.path);
      case 'group':
        return this.#fields(this.#pipeline(operand.pipeline, dot, variables), operand.path);
      case 'function':
        return this.#command([operand], dot, variables, []);
    }
  }

  #fields(start: unknown, path: readonly string[]): unknown {
    let value = start;
    for (const name of path) {
      const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
      if (!isObject || !(Object.hasOwn(value as object, name) || isGoMap(value as object))) {
        const known = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
        throw this.#fail(
          `there is no field .${name}${known.length > 0 ? `; there is ${known.map((key) => `.${key}`).join(', ')}` : ''}`,
        );
      }
      value = Object.hasOwn(value as object, name) ? (value as Record<string, unknown>)[name] : undefined;
    }
    return value;
  }

  #fail(why: string): VivariumError {
    return new VivariumError(ErrorCodes.USAGE, `the format ${JSON.stringify(this.#text)} does not work: ${why}`);
  }
}
