import { execFile } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { findPackageJSON } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { isMainThread } from 'node:worker_threads'
import { nodeClock } from '@millrace/core'
import { isJob, type Job } from '../../api/job.ts'
import type { Params } from '../../api/params.ts'
import { engineError } from '../../errors.ts'
import { importFlags } from '../node-command.ts'

/**
 * Imports a module and answers the job that is its default export. The same path answers the same module for the life of the thread.
 *
 * @param path Absolute.
 * @throws JOB_MODULE_NOT_FOUND, JOB_MODULE_FOLDER, JOB_MODULE_SYNTAX, JOB_MODULE_IMPORT, JOB_MODULE_THROWS, JOB_MODULE_HANGS, JOB_MODULE_NO_JOB
 */
export async function loadJobModule(path: string, options: { readonly timeoutMs?: number } = {}): Promise<Job<Params>> {
  await checkFile(path)
  const module = await importWithin(path, options.timeoutMs ?? 30_000)
  const job = defaultExport(module)
  if (!isJob(job)) throw engineError('JOB_MODULE_NO_JOB', { path, problem: whyNoJob(module) })
  return job
}

type Module = { readonly [name: string]: unknown }

/** What a compiler makes of `export default` for CommonJS is `exports.default`, and Node takes all exports for the default one. */
function defaultExport({ default: exported }: Module): unknown {
  const { default: inner } = (typeof exported === 'object' && exported !== null ? exported : {}) as Module
  return isJob(inner) ? inner : exported
}

/** @throws JOB_MODULE_NOT_FOUND, JOB_MODULE_FOLDER */
async function checkFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory() === true) throw engineError('JOB_MODULE_FOLDER', { path })
  if (found?.isFile() !== true) throw engineError('JOB_MODULE_NOT_FOUND', { path })
}

async function importWithin(path: string, timeoutMs: number): Promise<Module> {
  const { promise: timeout, reject } = Promise.withResolvers<never>()
  // The pending timer also keeps the process alive, which would end without a word where the module waits for nothing at all.
  const cancel = nodeClock.after(timeoutMs, () => reject(engineError('JOB_MODULE_HANGS', { path, timeoutMs })))
  const imported = (import(pathToFileURL(path).href) as Promise<Module>).then(
    (module) => ({ module }),
    (error: unknown) => ({ error }),
  )
  const outcome = await Promise.race([imported, timeout]).finally(cancel)
  if ('module' in outcome) return outcome.module
  // Finding out why may take a process of its own, which is no time of the module's.
  throw await explain(path, outcome.error)
}

async function explain(path: string, error: unknown): Promise<Error> {
  const { code, name, message, stack } =
    error instanceof Error ? (error as NodeJS.ErrnoException) : ({ message: inspect(error) } as NodeJS.ErrnoException)
  if (name === 'SyntaxError' && thrownByNode(stack)) {
    const place = excerpt(stack) || (await excerptOfCompiler(path))
    return engineError(
      'JOB_MODULE_SYNTAX',
      { path, problem: `${message}${whyNoModule(path, message, place) || whyNoTypes(message, place)}\n${place}` },
      error,
    )
  }
  if (code !== undefined && importCodes.has(code) && thrownByNode(stack))
    return engineError('JOB_MODULE_IMPORT', { path, problem: `${message}${howToImport(error as ImportError)}` }, error)
  return engineError('JOB_MODULE_THROWS', { path, problem: message }, error)
}

const importCodes = new Set([
  'ERR_MODULE_NOT_FOUND',
  'ERR_UNSUPPORTED_DIR_IMPORT',
  'ERR_PACKAGE_PATH_NOT_EXPORTED',
  'ERR_UNKNOWN_FILE_EXTENSION',
  'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING',
  'ERR_INVALID_MODULE_SPECIFIER',
  'ERR_UNKNOWN_BUILTIN_MODULE',
  'ERR_IMPORT_ATTRIBUTE_MISSING',
])

/** `url`: what was looked for, where that is a file. */
type ImportError = Error & { readonly url?: string }

/** Empty where it is no import that a compiler or a bundler takes, and Node does not. */
function howToImport({ url, message }: ImportError): string {
  if (/^Cannot find package '[@~]\//.test(message)) return ': Node knows no paths of a tsconfig.json, but "imports" of a package.json'
  if (url?.startsWith('file:') !== true) return ''
  const wanted = fileURLToPath(url)
  const script = wanted.replace(/\.([cm]?)js$/, '.$1ts')
  const there = [script, ...['.ts', '.js', '/index.ts', '/index.js'].map((ending) => `${wanted}${ending}`)].find(isFileNow)
  return there === undefined ? '' : `: there is ${there}, and Node wants the ending as well`
}

function isFileNow(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

/** Whether the innermost frame is Node's own: what the user's code threw has a frame of it. */
function thrownByNode(stack: string | undefined): boolean {
  const frame = stack?.split('\n').find((line) => /^\s+at /.test(line))
  return frame === undefined || frame.includes('node:internal')
}

/** The place of a syntax error as Node puts it before the stack: file and line, the line, and what of it is wrong. */
function excerpt(stack: string | undefined): string {
  const lines = stack?.split('\n') ?? []
  return lines
    .slice(
      0,
      Math.max(
        0,
        lines.findIndex((line) => line.startsWith('SyntaxError')),
      ),
    )
    .join('\n')
    .trimEnd()
}

/** Another process must say it within this; it only reads the files again. */
const COMPILED_MS_MAX = 10_000

/**
 * The same for an error of V8, of whose place Node tells nobody who catches it: it writes it only where a process dies of it. So one does, with a module before the job's that ends it before anything
 * of the job runs. Empty where that does not find it: for what is imported only while the job's module runs.
 */
async function excerptOfCompiler(path: string): Promise<string> {
  if (!isMainThread) return ''
  const source = `import 'data:text/javascript,process.exit(0)'\nimport ${JSON.stringify(pathToFileURL(path).href)}`
  return await new Promise((resolve) => {
    const flags = [...importFlags(), '--input-type=module', '--eval', source]
    execFile(process.execPath, flags, { timeout: COMPILED_MS_MAX }, (_error, _stdout, stderr) => resolve(excerpt(stderr)))
  })
}

/** What Node says where it takes a file for CommonJS that is written as an ES module. */
const moduleSyntax =
  /^Cannot use import statement outside a module|^Unexpected token 'export'|^Cannot use 'import\.meta' outside|^await is only valid/

/** Empty where the error has another cause. Without a `type` in the package Node looks at the syntax by itself. */
function whyNoModule(path: string, message: string, place: string): string {
  if (!moduleSyntax.test(message)) return ''
  // The file itself, or one that it imports.
  const file = /^(\/.*|[A-Za-z]:\\.*):\d+$/m.exec(place)?.[1] ?? path
  if (/\.c[jt]s$/.test(file)) return `: a file of this name is CommonJS; call it ${file.replace(/\.c([jt]s)$/, '.m$1')}`
  const manifest = findPackageJSON(pathToFileURL(file))
  if (manifest === undefined || typeOf(manifest) !== 'commonjs') return ''
  return `: ${manifest} says "type": "commonjs", where import and export need "type": "module" (npm pkg set type=module)`
}

/** Empty where it is no TypeScript that a compiler takes, and Node, which takes the types out and adds nothing, does not. */
function whyNoTypes(message: string, place: string): string {
  if (message.includes('strip-only mode'))
    return ': Node takes out types, and makes no code of them; the option erasableSyntaxOnly of TypeScript finds all such places'
  if (message.includes('does not provide an export named') && /^(?:\/|[A-Za-z]:|file:).*\.[cm]?ts:\d+$/m.test(place))
    return ': a type is imported with `import type`; the option verbatimModuleSyntax of TypeScript finds all such places'
  return /^\s*@\w/m.test(place) ? ': Node has no decorators' : ''
}

function typeOf(manifest: string): unknown {
  try {
    return (JSON.parse(readFileSync(manifest, 'utf8')) as { readonly type?: unknown }).type
  } catch {
    return undefined
  }
}

function whyNoJob(module: Module): string {
  const named = Object.keys(module).find((name) => name !== 'default' && isJob(module[name]))
  if (named !== undefined) return `it exports the job "${named}", but not as its default export`
  if (!('default' in module)) return 'it has no default export'
  return `its default export is ${inspect(module['default'], { depth: 0, breakLength: Infinity }).slice(0, 100)}`
}
