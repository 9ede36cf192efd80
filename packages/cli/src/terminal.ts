import { readFileSync } from 'node:fs'
import { isatty } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'

/** What a command has of the world around it, so that tests can hand it another. */
export interface CommandIo {
  readonly stdout: TextOutput
  readonly stderr: TextOutput
  readonly environment: { readonly [name: string]: string | undefined }
  readonly cwd: string
}

/** A stream of text that may be a terminal. Writing never throws and never waits. */
export interface TextOutput {
  write(text: string): void
  readonly isTerminal: boolean
  /** Whether the terminal is somebody else's to draw on: that of a shell that has started this with `&`. Absent: the system does not say. */
  readonly isInBackground?: boolean
  /** Of a terminal, now. */
  readonly columns: number
  readonly rows: number
  /** Bytes that were written and have not left. Absent: it is not known. */
  readonly backlogBytes?: number
  /** Resolves when what was written has left, or has nowhere to go; for output that may be more than memory holds. */
  drained?(): Promise<void>
  /** Whether its reader has gone: more output is in vain. */
  readonly isGone?: boolean
  /** Resolves when all that was written has left, with why it could not; undefined: it could, or its reader has gone and wants no more. */
  settled?(): Promise<Error | undefined>
  /** `told` hears of each text that others write to it, in this process, and whether it ends a line; calls what writes it. Answers how to hear no more. Absent: there are no others. */
  heedOthers?(told: (endsLine: boolean, write: () => void) => void): () => void
  /** From now on what others write to it, in this process, goes there: what it shows is an answer, which a program may read. Absent: there are no others. */
  divertOthers?(to: NodeJS.WriteStream): void
}

/** Codes of what happens to an output when nobody reads it any more: a pipe, a terminal that was closed, and what is written after that. */
const readerGone: ReadonlySet<string | undefined> = new Set(['EPIPE', 'EIO', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END'])

/** An output of the process. That its reader has gone (EPIPE, a closed terminal) is not an error of the job. */
export function processOutput(stream: NodeJS.WriteStream & { readonly fd: number }): TextOutput {
  let isGone = false
  let failure: Error | undefined
  let wake: (() => void) | undefined
  stream.on('error', (error: NodeJS.ErrnoException) => {
    isGone = true
    if (!readerGone.has(error.code)) failure ??= error
    wake?.()
  })
  stream.on('drain', () => wake?.())
  const writeOwn = stream.write.bind(stream)
  return {
    write: (text) => void writeOwn(text),
    // All that goes through Node ends here: console.log of this thread, and of workers, whose output is passed on.
    heedOthers: (told) => {
      stream.write = (text: string | Uint8Array, ...rest: never[]) => {
        let hasRoom = true
        const write = (): void => void (hasRoom = writeOwn(text, ...rest))
        if (text.length === 0) write()
        else told(typeof text === 'string' ? text.endsWith('\n') : text.at(-1) === 0x0a, write)
        return hasRoom
      }
      return () => void (stream.write = writeOwn)
    },
    divertOthers: (to) => void (stream.write = to.write.bind(to)),
    get isGone() {
      return isGone
    },
    get backlogBytes() {
      return stream.writableLength
    },
    drained: () => (isGone || !stream.writableNeedDrain ? Promise.resolve() : new Promise<void>((resolve) => (wake = resolve))),
    settled: async () => {
      await new Promise<void>((resolve) => writeOwn('', () => setImmediate(resolve)))
      return failure
    },
    isTerminal: isatty(stream.fd),
    get isInBackground() {
      return isBackground(ownStatus())
    },
    // A terminal whose size nobody has set (of `docker run -t`, of a serial line) says that it has none: 0.
    get columns() {
      return stream.columns || 80
    },
    get rows() {
      return stream.rows || 24
    },
  }
}

/** As Linux tells of this process; empty elsewhere. */
function ownStatus(): string {
  try {
    return readFileSync('/proc/self/stat', 'utf8')
  } catch {
    return ''
  }
}

/** @internal Whether by such a line, `pid (name) state parent group session terminal foreground …`, another group of processes has the terminal. */
export function isBackground(status: string): boolean {
  const [, , group, , , foreground] = status
    .slice(status.lastIndexOf(')') + 1)
    .trim()
    .split(' ')
    .map(Number)
  // Of a process without a terminal it is -1.
  return foreground !== undefined && foreground > 0 && foreground !== group
}

/** Whether to colour what goes to `output`; see https://no-color.org. */
export function wantsColor(output: TextOutput, environment: CommandIo['environment']): boolean {
  return output.isTerminal && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb'
}

/** Names and keys are the user's, and the terminal is not to be driven by them. */
export function shown(text: string): string {
  return stripVTControlCharacters(text).replace(/\p{Cc}/gu, '?')
}
