/**
 * Node's buffer with the methods that read and write text without the argument handling of `toString` and `write`, which costs more than
 * the work itself on short strings. They exist in every Node; its type definitions leave them out.
 */
export interface TextBuffer extends Buffer {
  latin1Slice(start: number, end: number): string
  ucs2Slice(start: number, end: number): string
  /** Writes one byte per code unit; the caller has made sure that all are below 256. */
  latin1Write(text: string, offset: number, length?: number): number
  /** Writes two bytes per code unit, little-endian; lone surrogates are kept. */
  ucs2Write(text: string, offset: number, length?: number): number
}

/** A buffer with memory of its own (not of Node's pool), contents undefined. */
export function allocateTextBuffer(sizeBytes: number): TextBuffer {
  return Buffer.allocUnsafeSlow(sizeBytes) as TextBuffer
}

/** The same memory, as a text buffer. */
export function viewAsTextBuffer(memory: ArrayBufferLike, byteOffset: number, byteLength: number): TextBuffer {
  return Buffer.from(memory as ArrayBuffer, byteOffset, byteLength) as TextBuffer
}

const beyondLatin1 = /[\u0100-\uffff]/

/** Whether every code unit fits one byte. Answers without looking when V8 holds the string in one byte a unit. */
export function isLatin1(text: string): boolean {
  return !beyondLatin1.test(text)
}
