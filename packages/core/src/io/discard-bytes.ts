/**
 * Gives the memory of bytes back at once, where nothing else shares it; they are empty afterwards. Only for bytes of some size that nobody looks at any more.
 *
 * Left to the garbage collector, buffers that live for a moment make it look through the whole heap every few megabytes.
 */
export function discardBytes({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && byteLength > 0) buffer.transfer(0)
}
