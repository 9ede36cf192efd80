import { createHash } from 'node:crypto'

/** Where a part file comes from. The run is random for each writer: two attempts never make the same name, even if their numbers repeat. */
export interface PartName {
  readonly job: string
  readonly stateId: string
  readonly subtask: number
  readonly attempt: number
  readonly run: string
  readonly sequence: number
}

const wordLengthMax = 64

/** The name while the part is written and until it is committed; a reader of the folder skips names that begin with a dot. */
export function hiddenName(part: PartName): string {
  return `.${stem(part)}.part`
}

export function finalName(part: PartName, prefix: string, suffix: string): string {
  return `${prefix}-${stem(part)}${suffix}`
}

/** What a name was made of (job and state id in their written form, see `word`), or undefined if it is none of `hiddenName`. */
export function parseHiddenName(name: string): PartName | undefined {
  const match = /^\.([\w%~-]+)\.([\w%~-]+)\.(\d+)\.(\d+)\.([0-9a-f]+)\.(\d+)\.part$/.exec(name)
  if (match === null) return undefined
  const [, job, stateId, subtask, attempt, run, sequence] = match as unknown as [string, string, string, string, string, string, string]
  return { job, stateId, subtask: Number(subtask), attempt: Number(attempt), run, sequence: Number(sequence) }
}

/** Any text as a part of a file name: other characters than letters, digits, `_` and `-` as `%` and hexadecimal, long ones ended by a hash. */
export function word(text: string): string {
  const written = Array.from(Buffer.from(text), (byte) => {
    const character = String.fromCharCode(byte)
    return /[A-Za-z0-9_-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`
  }).join('')
  if (written.length <= wordLengthMax) return written
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return `${written.slice(0, wordLengthMax - 17)}~${hash}`
}

function stem({ job, stateId, subtask, attempt, run, sequence }: PartName): string {
  return `${word(job)}.${word(stateId)}.${subtask}.${attempt}.${run}.${sequence}`
}
