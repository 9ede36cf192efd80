/** Writes numbers and texts with their tags: in as few bytes, and as few calls, as they take. */
import { ByteWriter, LOOPED_TEXT_LENGTH_MAX } from './byte-writer.ts'
import { SHORT_TEXT, SHORT_TEXT_LENGTH_MAX, SMALL_INTEGER_MAX, tag } from './value-format.ts'

export class ScalarWriter extends ByteWriter {
  protected number(value: number): void {
    this.reserve(9)
    const at = this.at
    if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
      if (value >= 0 && value <= SMALL_INTEGER_MAX) {
        this.memory[at] = value
        this.at = at + 1
      } else if (value >= -0x80 && value < 0x80) {
        this.memory[at] = tag.int8
        this.numbers.setInt8(at + 1, value)
        this.at = at + 2
      } else if (value >= -0x8000 && value < 0x8000) {
        this.memory[at] = tag.int16
        this.numbers.setInt16(at + 1, value, true)
        this.at = at + 3
      } else {
        this.memory[at] = tag.int32
        this.numbers.setInt32(at + 1, value, true)
        this.at = at + 5
      }
      return
    }
    this.memory[at] = tag.float64
    this.at = at + 1
    this.float64(value)
  }

  protected string(value: string): void {
    const length = value.length
    if (length > SHORT_TEXT_LENGTH_MAX || length > LOOPED_TEXT_LENGTH_MAX) {
      this.byte(tag.text)
      return this.text(value)
    }
    this.reserve(1 + length)
    const bytes = this.memory
    let at = this.at
    bytes[at++] = SHORT_TEXT + length
    let all = 0
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i)
      all |= unit
      bytes[at++] = unit
    }
    if (all <= 0xff) {
      this.at = at
      return
    }
    this.byte(tag.text)
    this.wideText(value)
  }
}
