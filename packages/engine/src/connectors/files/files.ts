import { messageOf } from '@millrace/core'
import type { Duration } from '@millrace/core'
import { engineError } from '../../errors.ts'
import { checkOptionNames, checkType, choiceOption, durationOption, wholeNumberOption, type OptionNames } from '../options.ts'
import type { Source, SplitOutput } from '../source.ts'
import { FileEnumerator } from './enumerator.ts'
import { FileReader, type EmitLine, type LinePlace } from './reader.ts'

/** Which files, whether they are followed as they grow, and what is done with lines and files that cannot be read. */
export interface FilesOptions {
  /**
   * A file, a folder (its files, not those of its subfolders), or a pattern with `*`, `?`, `[…]`, `{…,…}`, `**`; or several of them.
   * Names that begin with a dot are left out unless they are named so. Files ending in `.gz` are decompressed.
   */
  readonly path: string | readonly string[]
  /**
   * Never end: wait for the files to grow, for new ones, and for those at `path` that do not exist yet. Rotation by renaming and by
   * copying and truncating is followed. By default each file that is there is read once.
   */
  readonly follow?: boolean
  /** With `follow`: where to begin in files that are there at the very first start. `beginning` by default. */
  readonly start?: 'beginning' | 'end'
  /** `utf8` by default; invalid bytes become U+FFFD. `latin1` takes every byte as a character. */
  readonly encoding?: 'utf8' | 'latin1'
  /** Longest line in bytes, without its end; 1 MiB by default. */
  readonly maxLineBytes?: number
  /** What a longer one does: fail the task with `FILES_LINE_TOO_LONG` (the default), be left out, or be cut; the latter two are reported. */
  readonly onOverlongLine?: 'fail' | 'skip' | 'truncate'
  /** What a file does that is gone although it was not read to its end: fail the task with `FILES_LOST` (the default), or be reported. */
  readonly onLostFile?: 'fail' | 'skip'
  /** With `follow`: how often to look for new files; `1s` by default. */
  readonly discoverEvery?: Duration
  /** With `follow`: how long a file is still watched after it was renamed or removed, as its writer may have it open; `30s` by default. */
  readonly keepRotatedFor?: Duration
}

/** A line and where it stood. */
export interface FileLine {
  readonly line: string
  readonly file: string
  /** Bytes before the line, in the decompressed content. */
  readonly offset: number
}

/** The same, with lines made into records. */
export interface ParsedFilesOptions<T> extends FilesOptions {
  /** Makes a record of a line. */
  readonly parse: (line: string, position: LinePlace) => T
  /** What a line does for which it throws: fail the task with `FILES_PARSE_FAILED` (the default), or be reported and left out. */
  readonly onParseError?: 'fail' | 'skip'
}

const optionNames: OptionNames<FilesOptions & { readonly positions?: boolean } & Partial<ParsedFilesOptions<unknown>>> = {
  path: true,
  follow: true,
  start: true,
  encoding: true,
  maxLineBytes: true,
  onOverlongLine: true,
  onLostFile: true,
  discoverEvery: true,
  keepRotatedFor: true,
  positions: true,
  parse: true,
  onParseError: true,
}

/**
 * The lines of files, each exactly once: as strings, with their positions, or parsed.
 *
 * A file is a split, read by one subtask in order; files that stood under one path one after the other are read one after the other.
 * Where reading stands is kept as an offset; a file is known again after a restart by its inode and its first bytes, also when it was
 * renamed, or copied or compressed under a rotated name (`access.log.1`, `access.log-20240131.gz`).
 *
 * Throws `CONNECTOR_OPTION_INVALID`. Fails with `FILES_NOT_FOUND`, `FILES_PIPE`, `FILES_UNREADABLE`, `FILES_LOST`, `FILES_LINE_TOO_LONG`,
 * `FILES_PARSE_FAILED`, `FILES_GZIP_DAMAGED`.
 */
export function files<T>(options: ParsedFilesOptions<T>): Source<T>
export function files(options: FilesOptions & { readonly positions: true }): Source<FileLine>
export function files(options: FilesOptions): Source<string>
export function files(options: FilesOptions & { readonly positions?: boolean } & Partial<ParsedFilesOptions<unknown>>): Source<unknown> {
  checkOptionNames('files', options, optionNames)
  const paths = typeof options.path === 'string' ? [options.path] : options.path
  if (!Array.isArray(paths) || paths.length === 0 || paths.some((path) => typeof path !== 'string' || path === ''))
    throw engineError('CONNECTOR_OPTION_INVALID', { connector: 'files', option: 'path', problem: 'is no path, and no list of paths' })
  const { follow = false, start = 'beginning', encoding = 'utf8', onOverlongLine = 'fail', onLostFile = 'fail' } = options
  checkType('files', 'follow', options.follow, 'boolean')
  checkType('files', 'positions', options.positions, 'boolean')
  checkType('files', 'parse', options.parse, 'function')
  choiceOption('files', 'start', start, ['beginning', 'end'])
  choiceOption('files', 'encoding', encoding, ['utf8', 'latin1'])
  choiceOption('files', 'onOverlongLine', onOverlongLine, ['fail', 'skip', 'truncate'])
  choiceOption('files', 'onLostFile', onLostFile, ['fail', 'skip'])
  choiceOption('files', 'onParseError', options.onParseError ?? 'fail', ['fail', 'skip'])
  if (options.positions === true && options.parse !== undefined) {
    const problem = 'is given beside positions: parse is told the position of each line'
    throw engineError('CONNECTOR_OPTION_INVALID', { connector: 'files', option: 'parse', problem })
  }
  const lineBytesMax = wholeNumberOption('files', 'maxLineBytes', options.maxLineBytes ?? 1_024 * 1_024, 1, 256 * 1_024 * 1_024)
  const discoverEveryMs = durationOption('files', 'discoverEvery', options.discoverEvery ?? '1s')
  const rotatedForMs = durationOption('files', 'keepRotatedFor', options.keepRotatedFor ?? '30s')
  return {
    connector: 'files',
    replayable: true,
    bounded: !follow,
    createEnumerator: (context) =>
      new FileEnumerator(context, { paths, follow, start, discoverEveryMs: Math.max(1, discoverEveryMs), rotatedForMs }),
    createReader: (context) => {
      const report = (message: string): void => context.report?.({ code: 'FILE_LINE_SKIPPED', message })
      const emit =
        options.positions === true
          ? emitPosition
          : options.parse === undefined
            ? emitLine
            : parsing(options.parse, options.onParseError, report)
      return new FileReader<unknown>(context, {
        paths,
        follow,
        encoding,
        lineBytesMax,
        overlong: onOverlongLine,
        onLostFile,
        rotatedForMs,
        emit,
      })
    },
  }
}

function emitLine(output: SplitOutput<unknown>, line: string): void {
  output.emit(line)
}

function emitPosition(output: SplitOutput<unknown>, line: string, { file, offset }: LinePlace): void {
  output.emit({ line, file, offset })
}

function parsing(
  parse: (line: string, position: LinePlace) => unknown,
  onParseError: 'fail' | 'skip' = 'fail',
  report: (message: string) => void,
): EmitLine<unknown> {
  return (output, line, place) => {
    let value: unknown
    try {
      value = parse(line, place)
    } catch (error) {
      const { file, offset } = place
      const problem = messageOf(error)
      if (onParseError === 'fail') throw engineError('FILES_PARSE_FAILED', { file, offset, problem }, error)
      return report(`the line at ${file}:${offset} cannot be parsed: ${problem}`)
    }
    output.emit(value)
  }
}
