/** Path of a current Node's executable; installs it from npm the first time. */
export function currentNode(): string;
