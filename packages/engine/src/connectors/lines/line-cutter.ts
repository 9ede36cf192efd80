import { isAscii } from 'node:buffer'

export interface LineCutterOptions {
  readonly encoding: 'utf8' | 'latin1'
  /** Longest line, without its end. */
  readonly lineBytesMax: number
  /** What becomes of a longer one. `fail` calls `onOverlong` too, which throws. */
  readonly onOverlong: (offset: number) => void
  readonly overlong: 'skip' | 'truncate' | 'fail'
}

const newline = 0x0a
const carriageReturn = 0x0d
/** The byte order mark in UTF-8, which is no part of the first line, and alone is no line. */
const mark = Buffer.from('\uFEFF')

/**
 * Cuts bytes that arrive in chunks into lines.
 *
 * All whole lines of a chunk are decoded at once and cut as text; a line that spans chunks is put together from bytes, so no character
 * is ever cut. Invalid UTF-8 becomes U+FFFD. A line ends in LF or CR LF.
 *
 * 1. `load` is called when `next` has nothing more; the bytes must not change before `next` has nothing more again.
 * 2. `offset` is where the first line not yet taken begins; a cutter that starts there gives the same lines again.
 */
export class LineCutter {
  readonly #options: LineCutterOptions
  /** Of the chunk, from the end of the line that it completes to its last newline. */
  #bytes: Buffer = Buffer.alloc(0)
  #bytesOffset = 0
  #text = ''
  #at = 0
  #isAscii = true
  /** 1 where the text begins with a byte order mark, which is no part of the first line. */
  #markLength = 0
  /** Up to here characters and bytes of text that is not ASCII have been matched. */
  #matchedAt = 0
  #matchedBytes = 0
  /** The line that the chunk completed, if any, and where it began. */
  #first: string | undefined
  #firstOffset = 0
  /** The beginning of a line that no chunk has completed. */
  #partial: Buffer[] = []
  #partialBytes = 0
  #partialOffset = 0
  /** The rest of this line is dropped: it is too long. */
  #isDropping = false
  /** Where the line last taken begins: in the text, or (below 0) at `#lineStart`. */
  #lineAt = -1
  #lineStart = 0

  constructor(options: LineCutterOptions) {
    this.#options = options
  }

  /** Starts anew at a beginning of a line. */
  reset(offset: number): void {
    this.#clear(offset)
    this.dropPartial()
    this.#partialOffset = offset
    this.#first = undefined
  }

  /** Takes the chunk that follows the last one. */
  load(chunk: Buffer, offset: number): void {
    const firstEnd = chunk.indexOf(newline)
    if (firstEnd < 0) {
      this.#clear(offset)
      return this.#keep(chunk)
    }
    let from = 0
    if (this.#partialBytes > 0 || this.#isDropping) {
      this.#complete(chunk.subarray(0, firstEnd))
      from = firstEnd + 1
    }
    const to = chunk.lastIndexOf(newline) + 1
    this.#decode(chunk.subarray(from, to), offset + from)
    this.#partialOffset = offset + to
    if (to < chunk.length) this.#keep(chunk.subarray(to))
  }

  /** The next line, or undefined until the next chunk. */
  next(): string | undefined {
    if (this.#first !== undefined) {
      const line = this.#first
      this.#first = undefined
      this.#takenAt(this.#firstOffset)
      return line
    }
    const text = this.#text
    for (;;) {
      const at = this.#at
      const end = text.indexOf('\n', at)
      if (end < 0) return undefined
      this.#at = end + 1
      const line = text.substring(at, end > at && text.charCodeAt(end - 1) === carriageReturn ? end - 1 : end)
      this.#lineAt = at
      // No more than three bytes were decoded to a character, of damaged text neither.
      if (line.length * 3 <= this.#options.lineBytesMax) return line
      const kept = this.#limited(this.#bytesAt(at), line)
      if (kept !== undefined) return kept
    }
  }

  /** The line without an end that the input stops with, or undefined. Nothing may be loaded after it. */
  rest(): string | undefined {
    const isMark = this.#options.encoding === 'utf8' && this.#partialOffset === 0 && Buffer.concat(this.#partial).equals(mark)
    if (this.#partialBytes > 0) this.#complete(Buffer.alloc(0))
    const line = this.#first
    this.#first = undefined
    this.#takenAt(this.#firstOffset)
    return isMark ? undefined : line
  }

  /** Forgets the line that has begun and that no newline has ended yet. */
  dropPartial(): void {
    this.#partial = []
    this.#partialBytes = 0
    this.#isDropping = false
  }

  /** Where the first line not yet taken begins. */
  offset(): number {
    if (this.#first !== undefined) return this.#firstOffset
    return this.#at < this.#text.length ? this.#byteOffset(this.#at) : this.#partialOffset
  }

  /** Where the line last taken begins. */
  lineOffset(): number {
    return this.#lineAt < 0 ? this.#lineStart : this.#byteOffset(this.#lineAt)
  }

  #takenAt(offset: number): void {
    this.#lineAt = -1
    this.#lineStart = offset
  }

  #clear(offset: number): void {
    this.#bytes = Buffer.alloc(0)
    this.#bytesOffset = offset
    this.#text = ''
    this.#at = 0
    this.#takenAt(offset)
  }

  #decode(bytes: Buffer, offset: number): void {
    this.#bytes = bytes
    this.#bytesOffset = offset
    this.#isAscii = this.#options.encoding === 'latin1' || isAscii(bytes)
    this.#text = this.#isAscii ? bytes.toString('latin1') : bytes.toString('utf8')
    this.#markLength = offset === 0 && this.#text.startsWith('\uFEFF') ? 1 : 0
    this.#at = this.#markLength
    this.#matchFromStart()
  }

  /** The offset of the byte that the character at the beginning of a line was decoded from. */
  #byteOffset(at: number): number {
    if (this.#isAscii) return this.#bytesOffset + at
    if (at < this.#matchedAt) this.#matchFromStart()
    // Decoding keeps every newline, also after invalid bytes: the n-th of the text is the n-th of the bytes.
    while (this.#matchedAt < at) {
      this.#matchedAt = this.#text.indexOf('\n', this.#matchedAt) + 1
      this.#matchedBytes = this.#bytes.indexOf(newline, this.#matchedBytes) + 1
    }
    return this.#bytesOffset + this.#matchedBytes
  }

  #matchFromStart(): void {
    this.#matchedAt = this.#markLength
    this.#matchedBytes = 0
  }

  #keep(bytes: Buffer): void {
    if (this.#isDropping) return
    // More than allowed, as a mark at the beginning and the CR of an end of line are no part of it.
    const room = this.#options.lineBytesMax + mark.length + 1 - this.#partialBytes
    this.#partial.push(Buffer.from(bytes.subarray(0, room)))
    this.#partialBytes += Math.min(room, bytes.length)
    if (bytes.length <= room) return
    this.#isDropping = true
    this.#options.onOverlong(this.#partialOffset)
    if (this.#options.overlong === 'skip') this.#partial = []
  }

  /** Ends the partial line with these bytes, and makes it the first of the chunk unless it is skipped. */
  #complete(bytes: Buffer): void {
    this.#keep(bytes)
    const whole = this.#partial.length === 1 ? this.#partial[0]! : Buffer.concat(this.#partial)
    const wasDropping = this.#isDropping
    this.#partial = []
    this.#partialBytes = 0
    this.#isDropping = false
    this.#firstOffset = this.#partialOffset
    const content = this.#withoutMark(whole, this.#partialOffset)
    if (wasDropping) {
      if (this.#options.overlong === 'truncate') this.#first = this.#cut(content)
      return
    }
    this.#takenAt(this.#partialOffset)
    this.#first = this.#limited(withoutReturn(content))
  }

  /** Of the line that begins here in the text. */
  #bytesAt(at: number): Buffer {
    const from = this.#byteOffset(at) - this.#bytesOffset
    const line = this.#bytes.subarray(from, this.#bytes.indexOf(newline, from))
    return withoutReturn(this.#withoutMark(line, this.#bytesOffset + from))
  }

  /** The line, or what the policy leaves of it. What counts are the bytes that are there, not those of the text: damaged ones are longer there. */
  #limited(content: Buffer, line: string = content.toString(this.#options.encoding)): string | undefined {
    const { lineBytesMax, onOverlong, overlong } = this.#options
    if (content.length <= lineBytesMax) return line
    onOverlong(this.lineOffset())
    return overlong === 'truncate' ? this.#cut(content) : undefined
  }

  /** The beginning of the line, as much as is allowed, without half a character. */
  #cut(content: Buffer): string {
    const { encoding, lineBytesMax } = this.#options
    let end = Math.min(content.length, lineBytesMax)
    if (encoding === 'utf8') while (end > lineBytesMax - 3 && end > 0 && (content[end]! & 0xc0) === 0x80) end--
    return content.toString(encoding, 0, end)
  }

  #withoutMark(bytes: Buffer, offset: number): Buffer {
    const isMarked = this.#options.encoding === 'utf8' && offset === 0 && bytes.subarray(0, mark.length).equals(mark)
    return isMarked ? bytes.subarray(mark.length) : bytes
  }
}

function withoutReturn(bytes: Buffer): Buffer {
  return bytes.at(-1) === carriageReturn ? bytes.subarray(0, -1) : bytes
}
