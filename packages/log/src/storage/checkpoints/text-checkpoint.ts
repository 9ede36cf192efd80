import { logError } from '../../errors.ts'

const version = 0

/** A checkpoint in Kafka's text form: a line with the version, one with the number of entries, one for each entry. */
export function formatCheckpoint(lines: readonly string[]): Uint8Array {
  return Buffer.from(`${version}\n${lines.length}\n${lines.map((line) => `${line}\n`).join('')}`)
}

/** The entries' lines, split at spaces; none in an empty file, which Kafka makes before it has anything to write. @throws `STORAGE_CORRUPT` where the file is not what `formatCheckpoint` writes. */
export function parseCheckpoint(bytes: Uint8Array, path: string, fieldCount: number): string[][] {
  if (bytes.length === 0) return []
  const corrupt = (problem: string): Error => logError('STORAGE_CORRUPT', { path, problem })
  const [first, second, ...rest] = Buffer.from(bytes).toString('utf8').split('\n')
  if (first !== String(version)) throw corrupt(`version ${first}`)
  const lines = rest.filter((line) => line.trim() !== '')
  if (second !== String(lines.length)) throw corrupt(`${lines.length} entries where ${second} are announced`)
  return lines.map((line) => {
    const fields = line.trim().split(/\s+/)
    if (fields.length !== fieldCount) throw corrupt(`the entry '${line}'`)
    return fields
  })
}

/** A whole number of a checkpoint. @throws `STORAGE_CORRUPT` */
export function parseCheckpointNumber(field: string, path: string): number {
  const value = Number(field)
  if (!/^-?\d+$/.test(field) || !Number.isSafeInteger(value)) throw logError('STORAGE_CORRUPT', { path, problem: `the number '${field}'` })
  return value
}
