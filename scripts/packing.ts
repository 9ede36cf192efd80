// Packs what would be published, looks at it with publint and attw, installs it into an empty project, and uses it there.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const root = join(import.meta.dirname, '..')
const names = ['core', 'log', 'engine', 'testkit', 'cli', 'millrace']
const folder = mkdtempSync(join(tmpdir(), 'millrace-packing-'))
// With a space, as many a folder has: in URLs it is written otherwise.
const project = join(folder, 'a project')

interface Manifest {
  readonly version: string
  readonly devDependencies: { readonly [name: string]: string }
}
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest

/** Runs a program and answers what it printed; its failure is ours, with all it said. */
function run(cwd: string, name: string, ...flags: string[]): string {
  try {
    return execFileSync(name, flags, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: environment })
  } catch (error) {
    const { stdout, stderr } = error as { readonly stdout?: string; readonly stderr?: string }
    throw new Error(`${name} ${flags.join(' ')} failed in ${cwd}\n${stdout ?? ''}${stderr ?? ''}`, { cause: error })
  }
}

function failureOf(...command: Parameters<typeof run>): string {
  try {
    run(...command)
  } catch (error) {
    return (error as Error).message
  }
  throw new Error(`${command.join(' ')} did not fail`)
}

// The project sees none of the workspace's own commands and conditions.
const environment = {
  ...process.env,
  NO_COLOR: '1',
  NODE_OPTIONS: '',
  PATH: (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((path) => !path.includes('node_modules'))
    .join(delimiter),
}

function expect(what: string, text: string, part: string | RegExp): void {
  if (!(typeof part === 'string' ? text.includes(part) : part.test(text))) throw new Error(`${what}: expected ${String(part)} in\n${text}`)
}

function pack(): string[] {
  return names.map((name) => {
    const cwd = join(root, 'packages', name)
    const packed = JSON.parse(run(cwd, 'npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder)) as [
      { readonly filename: string; readonly files: readonly { readonly path: string }[] },
    ]
    const paths = packed[0].files.map(({ path }) => path)
    for (const file of ['LICENSE', 'README.md']) if (!paths.includes(file)) throw new Error(`package ${name} has no ${file}`)
    const described = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8')) as { readonly [field: string]: unknown }
    for (const field of ['description', 'keywords', 'license', 'engines', 'files', 'exports'])
      if (described[field] === undefined) throw new Error(`package ${name} has no ${field}`)
    const tarball = join(folder, packed[0].filename)
    run(root, 'node_modules/.bin/publint', 'run', tarball, '--strict')
    run(root, 'node_modules/.bin/attw', tarball, '--profile', 'esm-only', '--no-emoji')
    return tarball
  })
}

function install(tarballs: readonly string[]): void {
  mkdirSync(project)
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ name: 'empty', private: true, type: 'module', allowScripts: { node: true } }),
  )
  const versions = ['node', 'typescript', '@types/node'].map((name) => `${name}@${manifest.devDependencies[name]}`)
  run(project, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', ...tarballs, ...versions)
}

function use(): void {
  cpSync(join(import.meta.dirname, 'packing'), project, { recursive: true })
  const node = join(project, 'node_modules/.bin/node')
  run(project, node, 'imports.mjs')
  run(project, node, 'node_modules/typescript/bin/tsc', '-p', '.')
  expect('npx millrace --version', run(project, 'npx', '--no-install', 'millrace', '--version'), manifest.version)
  expect('npx millrace --help', run(project, 'npx', '--no-install', 'millrace', '--help'), /run .*\n[\s\S]*info /)
  expect('npx millrace info', run(project, 'npx', '--no-install', 'millrace', 'info', 'job.ts'), 'packed')
  expect('npx millrace run', run(project, 'npx', '--no-install', 'millrace', 'run', 'job.ts', '-p', '2'), /^6$/m)
  const failure = failureOf(project, 'npx', '--no-install', 'millrace', 'run', 'fails.ts')
  expect('a job that fails', failure, /Error: on purpose, at 1\n\s+at .*fails\.ts:6:/)
  if (failure.includes('@millrace')) throw new Error(`a job that fails is told with frames of ours:\n${failure}`)
  // As services are run, so that stacks name lines of TypeScript: ours among them then.
  expect('source maps', run(project, node, '--enable-source-maps', 'threads.mjs'), /^6$/m)
}

try {
  if (names.some((name) => !existsSync(join(root, 'packages', name, 'dist/index.js')))) throw new Error('build first: npm run build')
  const tarballs = pack()
  install(tarballs)
  use()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
