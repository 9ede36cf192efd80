import { messageOf } from '@millrace/core'
import { crc32 } from 'node:zlib'
import type { FileRun, InFlightFile, InFlightPart } from '../checkpoint/handles.ts'
import type { StateFileWriter } from '../checkpoint/storage.ts'
import { decodeInFlight } from '../runtime/snapshot/in-flight.ts'
import type { InFlightEntry } from './state-entry.ts'

interface Part {
  readonly input: 0 | 1
  readonly keyed: boolean
  /** As the entries say, and as there are in their bytes. */
  readonly records: number
  counted: number
  readonly runs: FileRun[]
}

/** The file of what is in flight to one subtask, from entries. What a restore would choke on, or could not deal out, is refused here. */
export class InFlightFileWriter {
  readonly #writer: StateFileWriter
  readonly #invalid: (problem: string) => Error
  readonly #parts: Map<number, Part> = new Map()

  constructor(writer: StateFileWriter, invalid: (problem: string) => Error) {
    this.#writer = writer
    this.#invalid = invalid
  }

  async add({ part, input, keyed, records, bytes }: InFlightEntry): Promise<void> {
    const known = this.#parts.get(part) ?? { input, keyed, records, counted: 0, runs: [] }
    if (known.input !== input || known.keyed !== keyed || known.records !== records)
      throw this.#invalid(`runs of part ${part} in flight differ in input, keyed or records`)
    this.#parts.set(part, known)
    known.counted += this.#count(bytes, keyed)
    known.runs.push({ offset: this.#writer.length, length: bytes.length, crc32: crc32(bytes) })
    await this.#writer.write(bytes)
  }

  async finish(): Promise<InFlightFile> {
    const parts = Array.from(this.#parts, ([part, { counted, ...rest }]): InFlightPart => {
      if (counted !== rest.records)
        throw this.#invalid(`part ${part} in flight has ${counted} records where ${rest.records} are said to be in it`)
      return rest
    })
    return { ...(await this.#writer.finish()), parts }
  }

  abort(): Promise<void> {
    return this.#writer.abort()
  }

  #count(bytes: Uint8Array, keyed: boolean): number {
    let count = 0
    try {
      for (const { values, timestamps, hashes } of decodeInFlight(bytes)) {
        if (keyed !== (hashes !== undefined))
          throw new TypeError(keyed ? 'the keys of records have no hashes' : 'records without keys have hashes')
        for (const column of [timestamps, hashes]) {
          if (column !== undefined && column.length !== values.length) throw new TypeError('its columns are not equally long')
        }
        count += values.length
      }
    } catch (error) {
      throw this.#invalid(`what is in flight to it is damaged: ${messageOf(error)}`)
    }
    return count
  }
}
