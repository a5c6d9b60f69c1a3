export const RECORD_BYTES: number;
export const NAMES: readonly string[];
export function isApproximate(op: number): boolean;
export function formatRecord(view: DataView, at: number): string;
export function parseRecord(line: string, view: DataView, at: number): void;
export function blankUnwritten(view: DataView, at: number): void;
export function difference(expected: DataView, actual: DataView, at: number): { ulps: number; status: number };
