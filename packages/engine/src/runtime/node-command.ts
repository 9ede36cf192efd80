/**
 * How modules that this process has imported are imported in another one: which Node, and with which of its flags.
 */
import { realpathSync, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { shellWord } from './shell-word.ts'

const letters: { readonly [flag: string]: string } = { '-C': '--conditions', '-r': '--require' }

/** Those with a value, and those without. All others say what the program is, how it is watched, or what it may use. */
const withValue =
  /^--(?:conditions|import|require|(?:experimental-)?loader|env-file(?:-if-exists)?|experimental-(?:config-file|default-type))$/
const bare =
  /^--(?:preserve-symlinks(?:-main)?|enable-source-maps|(?:no-)?(?:experimental-)?(?:strip-types|transform-types|require-module)|experimental-wasm-modules|no-addons)$/

/** Flags of Node that decide how modules are found, loaded and compiled; paths in them are absolute. */
export function importFlags(given: readonly string[] = [...wordsOf(process.env['NODE_OPTIONS'] ?? ''), ...process.execArgv]): string[] {
  const flags: string[] = []
  for (let at = 0; at < given.length; at++) {
    const [, word, joined] = /^([^=]*)(?:=(.*))?$/s.exec(given[at]!)!
    const name = letters[word!] ?? word!
    if (bare.test(name) && joined === undefined) flags.push(name)
    if (!withValue.test(name)) continue
    const value = joined ?? given[++at]
    if (value !== undefined) flags.push(`${name}=${absolute(name, value)}`)
  }
  return [...new Set(flags)]
}

/** Of what may be a package's name, only what is plainly a path; files of variables and settings are always paths. */
function absolute(name: string, value: string): string {
  return /^\.\.?[/\\]/.test(value) || /-file/.test(name) ? resolve(value) : value
}

/** As Node reads its variable: words between spaces, in quotation marks where they hold some. */
function wordsOf(options: string): string[] {
  return [...options.matchAll(/(?:"(?:\\.|[^"\\])*"|[^\s"])+/g)].map(([word]) =>
    word.replaceAll(/"((?:\\.|[^"\\])*)"/g, '$1').replaceAll(/\\(.)/g, '$1'),
  )
}

/** A command for a shell that runs a file as this process runs its own; `flags` are further ones of Node. */
export function nodeCommand(path: string, flags: readonly string[] = []): string {
  return [nodeOfShell() ? 'node' : process.execPath, ...flags, ...importFlags(), path].map(shellWord).join(' ')
}

/** Whether `node` is this Node in a shell of the user's: in one without the folders that npm puts before the others for its scripts. */
function nodeOfShell(): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !/node_modules[/\\]\.bin[/\\]?$/.test(folder))
  const first = folders.map((folder) => join(folder, 'node')).find((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
  try {
    return first !== undefined && realpathSync(first) === realpathSync(process.execPath)
  } catch {
    return false
  }
}
