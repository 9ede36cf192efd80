// The code in the documentation: all of it type-checks under strict options, and what is marked `run` runs and prints what the page says.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { snippetsOf } from './snippets.ts'

const root = join(import.meta.dirname, '..')
const pages = globSync(['*.md', 'docs/**/*.md', 'packages/*/README.md'], { cwd: root }).toSorted()
const snippets = pages.flatMap((path) => snippetsOf(path, readFileSync(join(root, path), 'utf8')))
const folder = mkdtempSync(join(tmpdir(), 'millrace-docs-'))
after(() => rmSync(folder, { recursive: true }))

const names = snippets.map((_, index) => `snippet-${index}.ts`)
for (const [index, { source }] of snippets.entries()) writeFileSync(join(folder, names[index]!), source)
// A mistake that must be found: else nothing was checked at all.
writeFileSync(
  join(folder, 'snippet-canary.ts'),
  `import { defineJob } from 'millrace'\nexport const name: number = defineJob('x', () => {}).name\n`,
)
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
const typescript = {
  extends: join(root, 'tsconfig.json'),
  compilerOptions: { rootDir: '/', types: ['node'], typeRoots: [join(root, 'node_modules/@types')] },
  include: ['*.ts'],
}
writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(typescript))

interface Outcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

function run(cwd: string, program: string, ...flags: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(program, flags, { cwd, timeout: 110_000 }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? 1), stdout, stderr })
    })
  })
}

void test('the pages have code to check', () => assert.ok(snippets.length > 3 && snippets.some(({ runs }) => runs)))

void test('all code type-checks', async () => {
  const { stdout } = await run(folder, process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '-p', '.', '--pretty', 'false')
  // The workspace's own sources are checked elsewhere.
  const problems = stdout.split('\n').filter((line) => line.startsWith('snippet-') || line.startsWith('error '))
  const named = problems.map((line) => line.replace(/^snippet-(\d+)\.ts/, (_, index: string) => snippets[Number(index)]!.place))
  assert.deepEqual(named, ["snippet-canary.ts(2,14): error TS2322: Type 'string' is not assignable to type 'number'."])
})

// All of them one after the other in one process, each in a folder of its own: a process takes longer to start than most of them to run.
const running = snippets.entries().flatMap(([index, { runs }]) => (runs ? [index] : []))
writeFileSync(
  join(folder, 'runner.mjs'),
  `import { inspect } from 'node:util'
for (const [cwd, module] of JSON.parse(process.argv[2])) {
  process.chdir(cwd)
  const problem = await import(module).then(() => '', (error) => inspect(error))
  process.stdout.write('\\0' + problem + '\\0')
}`,
)
const runs = [...running].map((index) => {
  const cwd = join(folder, `run-${index}`)
  mkdirSync(cwd)
  return { index, cwd, module: join(folder, names[index]!) }
})
const flags = ['--conditions=@millrace/source', '--disable-warning=ExperimentalWarning']
const ran = run(folder, process.execPath, ...flags, 'runner.mjs', JSON.stringify(runs.map(({ cwd, module }) => [cwd, module])))

for (const [at, { index }] of runs.entries()) {
  const { place, output } = snippets[index]!
  void test(`${place} runs`, async () => {
    const { stdout, stderr } = await ran
    const [printed, problem] = stdout.split('\0').slice(2 * at)
    assert.equal(problem, '', problem ?? `it did not come to its end, or one before it did not: ${stderr}`)
    if (output !== undefined) assert.equal(printed, output)
  })
}

void test('what runs leaves nothing open that would keep its process alive', async () => {
  const { exitCode, stderr } = await ran
  assert.equal(exitCode, 0, stderr)
})

/** The files a page links to, by path from the root. */
function linksOf(page: string): readonly string[] {
  const text = readFileSync(join(root, page), 'utf8').replace(/^(`{3,})[^]*?^\1$|`[^`\n]*`/gm, '')
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!.replace(/#.*/, ''))
  return targets.filter((target) => target !== '' && !/^[a-z]+:/.test(target)).map((target) => join(dirname(page), target))
}

void test('links between pages lead somewhere', () => {
  const broken = pages.flatMap((page) => linksOf(page).flatMap((target) => (existsSync(join(root, target)) ? [] : [`${page}: ${target}`])))
  assert.deepEqual(broken, [])
})

/** What `#…` may name on a page: its headings as GitHub writes them, and places marked by hand. */
function anchorsOf(page: string): ReadonlySet<string> {
  const text = readFileSync(join(root, page), 'utf8').replace(/^(`{3,})[^]*?^\1$/gm, '')
  const headings = [...text.matchAll(/^#+ +(.*)$/gm)].map((match) =>
    match[1]!
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .trim()
      .toLowerCase(),
  )
  const marked = [...text.matchAll(/<a id="([^"]+)"/g)].map((match) => match[1]!)
  return new Set([...headings.map((heading) => heading.replace(/[^\p{L}\p{N}_\- ]/gu, '').replaceAll(' ', '-')), ...marked])
}

void test('links into pages lead to a place there', () => {
  const broken = pages.flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8').replace(/^(`{3,})[^]*?^\1$|`[^`\n]*`/gm, '')
    const links = [...text.matchAll(/\]\(([^)\s#]*)#([^)\s]+)\)/g)].filter(([, path]) => !/^[a-z]+:/.test(path!))
    return links.flatMap(([link, path, anchor]) => {
      const target = path === '' ? page : join(dirname(page), path!)
      return !target.endsWith('.md') || anchorsOf(target).has(anchor!) ? [] : [`${page}: ${link}`]
    })
  })
  assert.deepEqual(broken, [])
})

void test('every page can be reached from the README', () => {
  const reached = new Set(['README.md'])
  for (const page of reached) if (page.endsWith('.md')) for (const target of linksOf(page)) reached.add(target)
  // Those of the packages are read in a registry, which has no others.
  assert.deepEqual(
    pages.filter((page) => !reached.has(page) && !page.startsWith('packages/')),
    [],
  )
})
