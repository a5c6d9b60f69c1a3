/** Every operation that instruction tables name as a type argument: see form.ts. */
export * from './packed-integer';
export * from './packed-shuffle';
export * from './packed-helpers';
export * from './float-convert';
export * from './float-operations';
