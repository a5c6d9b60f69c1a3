/** A 9P request on its way through the server. */
import { MessageReader, MessageWriter } from './message.ts';

/** One request and the reply under construction. Reused; a request that ends later keeps its own. */
export class P9Request {
  readonly input = new MessageReader();
  readonly output = new MessageWriter();
  /** Bytes of the reply after `output`, to save a copy. */
  payload: Uint8Array | undefined;
  /** Length of the whole request. */
  size = 0;
  type = 0;
  tag = 0;
  /** Bytes of reply that the client has room for. */
  replyCapacity = 0;
  /** Visits the data of a Twrite, which is not part of `input`, in pieces. */
  forEachData: (byteCount: number, visit: (bytes: Uint8Array) => void) => void = () => {};
  /** Data bytes there are for that. */
  dataLength = 0;
}
