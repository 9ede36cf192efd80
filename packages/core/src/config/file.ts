import { messageOf } from '../errors.ts'
import type { Disk } from '../io/disk.ts'
import { configError } from './errors.ts'

/** A configuration file as read, for `resolveOptions`. */
export interface ConfigFile {
  readonly path: string
  readonly content: unknown
}

/** A configuration file is small; what is larger is something else. */
const sizeLimit = 1024 * 1024

/**
 * Reads a YAML file of options. The parser is loaded only when there is a file.
 *
 * @param mayBeMissing answers undefined where there is no such file, instead of an error
 * @throws CONFIG_FILE_UNREADABLE, CONFIG_FILE_MALFORMED
 */
export async function readConfigFile(disk: Disk, path: string, mayBeMissing: boolean): Promise<ConfigFile | undefined> {
  const text = await readText(disk, path, mayBeMissing)
  if (text === undefined) return undefined
  const { parse } = await import('yaml')
  try {
    return { path, content: parse(text, { merge: true }) as unknown }
  } catch (error) {
    throw configError('CONFIG_FILE_MALFORMED', { path, problem: error instanceof Error ? error.message.trim() : String(error) }, error)
  }
}

async function readText(disk: Disk, path: string, mayBeMissing: boolean): Promise<string | undefined> {
  try {
    if ((await disk.stat(path)).size > sizeLimit) throw new RangeError(`it is larger than ${sizeLimit} bytes`)
    return new TextDecoder('utf-8', { fatal: true }).decode(await disk.readFile(path))
  } catch (error) {
    const isMissing = (error as { readonly reason?: unknown }).reason === 'not-found'
    if (mayBeMissing && isMissing) return undefined
    const problem = isMissing ? 'there is no such file' : messageOf(error)
    throw configError('CONFIG_FILE_UNREADABLE', { path, problem }, isMissing ? undefined : error)
  }
}
