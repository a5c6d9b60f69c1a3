/**
 * What a page and the embed page in its iframe say to each other by postMessage: plain data, `type` first. Version 1. Types alone;
 * docs/how-to/embed-a-machine.md is for who uses it.
 *
 * A request has an `id` of the page's choice, and gets one answer with the same: `vivarium:result` or `vivarium:error`.
 */
import type { ErrorCode } from '../../src/util/errors.ts';

export const EMBED_VERSION = 1;

export type RequestId = string | number;

export type EmbedRequest =
  /** Asks for `vivarium:ready` again, by a page that may have missed it. */
  | { readonly type: 'vivarium:hello'; readonly id: RequestId }
  /** Runs a program to its end; a lab's is on the machine of the step. Result: {@link RunResult}. */
  | {
      readonly type: 'vivarium:run';
      readonly id: RequestId;
      readonly args: readonly string[];
      readonly input?: string;
      readonly timeoutMs?: number;
    }
  /** Types a command into the terminal, with Enter. Result: null. */
  | { readonly type: 'vivarium:type'; readonly id: RequestId; readonly command: string }
  /** Checks a step of the lab, by default the one that the student is at. Result: whether it is passed. */
  | { readonly type: 'vivarium:check'; readonly id: RequestId; readonly step?: string }
  /** Puts a step or, without one, the lab back. Result: null. */
  | { readonly type: 'vivarium:reset'; readonly id: RequestId; readonly step?: string }
  /** Result: {@link EmbedProgress}. */
  | { readonly type: 'vivarium:progress'; readonly id: RequestId };

export interface RunResult {
  readonly exitCode: number;
  /** As UTF-8; what is none is replaced. */
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

export interface EmbedProgress {
  readonly passed: number;
  readonly total: number;
  readonly step: string | null;
  readonly isComplete: boolean;
}

export type EmbedMessage =
  /** The machine runs. */
  | { readonly type: 'vivarium:ready'; readonly version: typeof EMBED_VERSION; readonly kind: 'lab' | 'machine' }
  | { readonly type: 'vivarium:result'; readonly id: RequestId; readonly result: unknown }
  /** Without an `id` it is of no request: the machine did not start, or has failed. */
  | {
      readonly type: 'vivarium:error';
      readonly id: RequestId | null;
      readonly code: ErrorCode | 'INTERNAL';
      readonly message: string;
    }
  /** After each change in a lab. */
  | ({ readonly type: 'vivarium:progress' } & EmbedProgress)
  /** How high the content is that is shown, in CSS pixels: the page may make the iframe so high. */
  | { readonly type: 'vivarium:resize'; readonly height: number };
