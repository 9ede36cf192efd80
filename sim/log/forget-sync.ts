/**
 * Loaded with `--import` in front of a run: takes one sync away from the sources, where MILLRACE_FORGET says, as 'path from the root:line'.
 * The statement at that line becomes one that waits for nothing.
 */
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { withoutSync } from './sync-sites.ts'

const [path, line] = process.env['MILLRACE_FORGET']!.split(':') as [string, string]
const url = pathToFileURL(join(import.meta.dirname, '../..', path)).href

registerHooks({
  load(loaded, context, next) {
    const result = next(loaded, context)
    if (loaded !== url) return result
    return { ...result, source: withoutSync(Buffer.from(result.source as Uint8Array).toString(), Number(line)) }
  },
})
