// Clients are installed below the machine's folder for temporary files: once for each pinned version and each state of their programs.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

export const cacheFolder: string = process.env['MILLRACE_CLIENTS_CACHE'] ?? join(tmpdir(), 'millrace-clients')

/** @returns whether the machine has a command. */
export function hasCommand(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)))
}

/**
 * Runs a command that installs something.
 *
 * @throws with the end of what it said, if it fails
 */
export async function run(file: string, args: readonly string[], cwd: string, env: Record<string, string> = {}): Promise<void> {
  const child = spawn(file, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  const code = await new Promise<number | string>((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (exitCode) => resolve(exitCode ?? 'a signal'))
  })
  if (code !== 0) throw new Error(`${file} ${args[0] ?? ''} ended with ${code}: ${said.trim().slice(-500)}`)
}

/** A digest of all files of a program. */
function digestOf(sources: string): string {
  const hash = createHash('sha256')
  for (const path of globSync(join(sources, '**/*')).toSorted()) {
    if (!path.includes('__pycache__') && statSync(path).isFile()) hash.update(path).update(readFileSync(path))
  }
  return hash.digest('hex')
}

/**
 * @param sources the folder of the client's program
 * @param install fills the folder; is called if what stands there is of other sources
 * @returns the folder
 */
export async function installed(name: string, sources: string, install: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cacheFolder, name)
  const stamp = join(folder, 'installed')
  const digest = digestOf(sources)
  mkdirSync(folder, { recursive: true })
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== digest) {
    await install(folder)
    writeFileSync(stamp, digest)
  }
  return folder
}
