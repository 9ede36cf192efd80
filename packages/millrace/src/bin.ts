#!/usr/bin/env node
// The `millrace` command. Nothing is imported here that is not needed to answer `--version` or to refuse an old Node.
import { readFileSync, writeSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Threads for files: a disk answers more reads at once than Node's four ask for. Node looks at it when the first of them is needed, which is later than this. */
process.env['UV_THREADPOOL_SIZE'] ??= '8'

const oldest = [24, 12] as const

function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < oldest[0] || (major === oldest[0] && minor < oldest[1])
}

function ownVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }
  return manifest.version
}

async function showVersion(): Promise<number> {
  const failure = await new Promise<NodeJS.ErrnoException | null | undefined>((resolve) => {
    process.stdout.once('error', resolve)
    process.stdout.write(`${ownVersion()}\n`, resolve)
  })
  // A reader that has gone wants no more.
  if (!failure || failure.code === 'EPIPE') return 0
  process.stderr.write(`millrace: the standard output cannot be written: ${failure.message}\n`)
  return 1
}

/**
 * Compiled code is kept for the next start, in a folder that nobody else can write to; NODE_COMPILE_CACHE names another, NODE_DISABLE_COMPILE_CACHE=1 wants
 * none. Node writes it when the process ends; a job is often killed instead, so it is written once before.
 */
async function keepCompiledCode(): Promise<void> {
  const folder = cacheFolder()
  if (folder === undefined) return
  // Not at the top: a Node that is too old does not have them, and is to be told so.
  const { enableCompileCache, flushCompileCache } = await import('node:module')
  enableCompileCache(join(folder, 'millrace'))
  setTimeout(flushCompileCache, 3_000).unref()
}

/** Undefined: a user that the system does not know, as one that a container gives its process by number, has no home. */
function cacheFolder(): string | undefined {
  try {
    return process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  } catch {
    return undefined
  }
}

async function start(flags: readonly string[]): Promise<number> {
  if (isTooOld(process.versions.node)) {
    process.stderr.write(`millrace: needs Node ${oldest.join('.')} or newer, and this is ${process.versions.node}\n`)
    return 2
  }
  if (flags.length === 1 && (flags[0] === '--version' || flags[0] === '-V')) return showVersion()
  await keepCompiledCode()
  const { main, processOutput } = await import('@millrace/cli')
  return main(flags, ownVersion(), {
    stdout: processOutput(process.stdout),
    stderr: processOutput(process.stderr),
    environment: process.env,
    cwd: process.cwd(),
  })
}

/** A job's module runs on this thread too, and may end it: that must not look as if the command was done. No command ends itself with 0 by `process.exit`. */
function endedByOthers(exitCode: number): void {
  if (exitCode !== 0) return
  writeSync(2, `millrace: ended before the command was done: something that it loaded, such as the job's module, called process.exit(0)\n`)
  process.exitCode = 1
}

process.on('exit', endedByOthers)
const exitCode = await start(process.argv.slice(2))
process.off('exit', endedByOthers)
process.exitCode = exitCode
// What a job's module left behind on this thread (a timer, a socket) must not keep a command alive that is done.
setTimeout(() => process.exit(), 1_000).unref()
