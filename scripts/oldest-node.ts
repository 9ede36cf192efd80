// npm run test:oldest-node: all of `npm test` on the oldest Node that the packages say they run on, fetched from npm's registry once.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const root = join(import.meta.dirname, '..')
const { engines } = JSON.parse(readFileSync(join(root, 'packages/millrace/package.json'), 'utf8')) as { engines: { node: string } }
const oldest = /^>=(\d+\.\d+)$/.exec(engines.node)?.[1]
if (oldest === undefined) throw new Error(`engines.node of the package millrace is no lower bound: ${engines.node}`)

const folder = join(root, 'node_modules/.cache', `node-${oldest}`)
const programs = join(folder, 'node_modules/.bin')
if (!existsSync(join(programs, 'node'))) {
  execFileSync('npm', ['install', '--no-save', '--no-package-lock', '--prefix', folder, `node@${oldest}.0`], { stdio: 'inherit' })
}
const node = join(programs, 'node')
console.log(`on Node ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()}`)
const { status } = spawnSync(node, [join(import.meta.dirname, 'test.ts'), ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, PATH: `${programs}${delimiter}${process.env['PATH']}` },
})
process.exitCode = status ?? 1
