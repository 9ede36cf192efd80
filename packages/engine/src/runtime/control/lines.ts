/** Cuts a stream of bytes into lines, of a bounded length. */
export class LineBuffer {
  readonly #bytesMax: number
  #chunks: Buffer[] = []
  #length = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** The lines that are complete with these bytes; undefined: there is one that is too long. */
  push(bytes: Buffer): readonly string[] | undefined {
    const lines: string[] = []
    let from = 0
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, from)) {
      if (this.#length + end - from > this.#bytesMax) return undefined
      lines.push(Buffer.concat([...this.#chunks, bytes.subarray(from, end)]).toString('utf8'))
      this.#chunks = []
      this.#length = 0
      from = end + 1
    }
    const rest = bytes.subarray(from)
    this.#length += rest.length
    if (this.#length > this.#bytesMax) return undefined
    if (rest.length > 0) this.#chunks.push(Buffer.from(rest))
    return lines
  }
}
