/** A socket as a channel of bytes. Node only. */
import type { Socket } from 'node:net';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { ByteChannel } from './connection.ts';

/** Takes the socket over. */
export function socketChannel(socket: Socket): ByteChannel {
  socket.on('error', () => {}); // whoever reads or writes is told
  return {
    incoming: chunks(socket),
    write: (bytes) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed || socket.writableEnded) reject(gone());
        else socket.write(bytes, (error) => (error ? reject(gone(error)) : resolve()));
      }),
    close: () => void socket.end(() => socket.destroy()),
  };
}

async function* chunks(socket: Socket): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array;
  } catch {
    // Reset by the other side, which is as good as closed.
  }
}

function gone(cause?: unknown): VivariumError {
  return new VivariumError(ErrorCodes.GUEST_STOPPED, "the other end of the supervisor's socket is gone", { cause });
}
