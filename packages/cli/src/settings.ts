import { join } from 'node:path'
import { flagsOf, nodeDisk, readConfigFile, resolveOptions, type OptionFlag } from '@millrace/core'
import { engineOptionTable, type ResolvedEngineOptions } from '@millrace/engine/options'
import type { CommandIo } from './terminal.ts'

/** What a parsed command line holds, by the names commander gives. */
export type ParsedFlags = { readonly [attribute: string]: unknown }

export const engineFlags: readonly OptionFlag[] = flagsOf(engineOptionTable)

/** The name under which commander keeps a flag: `--checkpoint-interval` is `checkpointInterval`. */
function attributeOf(flag: OptionFlag): string {
  const name = /--([\w-]+)/.exec(flag.syntax)![1]!
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/** The options of a command, from flags, environment and `millrace.yaml`; the job's own come on top later. */
export async function resolveSettings(io: CommandIo, flags: ParsedFlags): Promise<ResolvedEngineOptions> {
  const named = flags['config']
  const path = typeof named === 'string' ? named : 'millrace.yaml'
  const file = await readConfigFile(nodeDisk, join(io.cwd, path), named === undefined)
  const given = engineFlags.map((flag) => [flag.key, flags[attributeOf(flag)] as string | boolean | undefined] as const)
  return resolveOptions(engineOptionTable, {
    flags: Object.fromEntries(given),
    environment: io.environment,
    file: file === undefined ? undefined : { path, content: file.content },
  })
}
