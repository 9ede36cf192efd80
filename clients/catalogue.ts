import { copyFileSync, existsSync, globSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { toolScenarioNames } from './scenarios.ts'
import { cacheFolder, hasCommand, installed, run } from './cache.ts'

export interface Program {
  readonly file: string
  /** Before BOOTSTRAP RUN CLIENT SCENARIO… */
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface Client {
  readonly name: string
  readonly version: string
  /** What it is, and what it stands for. */
  readonly about: string
  /** Commands that the machine must have. */
  readonly needs: readonly string[]
  /** Scenarios of its own, in place of the common ones. */
  readonly scenarios?: readonly string[]
  /** Installs it into the cache. */
  readonly prepare: () => Promise<Program>
}

const here = import.meta.dirname
const node = ['--conditions=@millrace/source', '--disable-warning=ExperimentalWarning']

function nodeClient(name: string, packageName: string, about: string): Client {
  const { version } = JSON.parse(readFileSync(join(here, '../node_modules', packageName, 'package.json'), 'utf8')) as { version: string }
  const program = { file: process.execPath, args: [...node, join(here, name, 'main.ts')] }
  return { name, version, about, needs: [], prepare: () => Promise.resolve(program) }
}

/** The version that a file pins: what stands behind this text. */
function pinned(path: string, text: string): string {
  const file = readFileSync(join(here, path), 'utf8')
  const at = file.indexOf(text)
  if (at < 0) throw new Error(`${path} does not pin ${text}`)
  return /^[\w.-]+/.exec(file.slice(at + text.length))![0]
}

function pythonClient(name: string, about: string): Client {
  const sources = join(here, name)
  async function prepare(): Promise<Program> {
    const folder = await installed(name, sources, async (target) => {
      await run('python3', ['-m', 'venv', '--clear', join(target, 'venv')], sources)
      await run(join(target, 'venv/bin/pip'), ['install', '--quiet', '--requirement', 'requirements.txt'], sources)
    })
    const env = { PYTHONDONTWRITEBYTECODE: '1', PYTHONPATH: join(here, 'python') }
    return { file: join(folder, 'venv/bin/python'), args: [join(sources, 'main.py')], env }
  }
  return { name, version: pinned(`${name}/requirements.txt`, `${name}==`), about, needs: ['python3'], prepare }
}

function javaClient(version: string): Client {
  const name = `java-${version.split('.', 2).join('.')}`
  const sources = join(here, 'java')
  async function prepare(): Promise<Program> {
    const folder = await installed(name, sources, async (target) => {
      copyFileSync(join(sources, 'pom.xml'), join(target, 'pom.xml'))
      const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${target}/lib`]
      await run('mvn', ['--batch-mode', '--quiet', `-Dkafka.version=${version}`, ...goal], target)
      mkdirSync(join(target, 'classes'), { recursive: true })
      await run(
        'javac',
        ['-Xlint:none', '-cp', `${target}/lib/*`, '-d', `${target}/classes`, ...globSync('*.java', { cwd: sources })],
        sources,
      )
    })
    return { file: 'java', args: ['-Xmx512m', '-cp', `${folder}/classes:${folder}/lib/*`, 'Main'] }
  }
  return { name, version, about: "Apache Kafka's own client for Java", needs: ['java', 'javac', 'mvn'], prepare }
}

function goClient(name: string, module: string): Client {
  const sources = join(here, 'go')
  async function prepare(): Promise<Program> {
    const folder = await installed(name, sources, (target) => run('go', ['build', '-o', join(target, 'program'), `./${name}`], sources))
    return { file: join(folder, 'program'), args: [] }
  }
  return { name, version: pinned('go/go.mod', `${module} v`), about: `Go: ${module}`, needs: ['go'], prepare }
}

/** Debian's, from the machine or put into the cache by `kcat/install.sh`. */
function kcatClient(): Client {
  const folder = join(cacheFolder, 'kcat')
  const inCache = join(folder, 'usr/bin/kcat')
  const library = join(folder, 'librdkafka-version')
  const version = existsSync(library) ? readFileSync(library, 'utf8').trim() : 'of the machine'
  function prepare(): Promise<Program> {
    if (!existsSync(inCache) && !hasCommand('kcat')) throw new Error('there is no kcat; clients/kcat/install.sh brings it')
    const libraries = globSync(join(folder, 'usr/lib/*/')).join(':')
    const env = existsSync(inCache) ? { MATRIX_KCAT: inCache, LD_LIBRARY_PATH: libraries } : {}
    return Promise.resolve({ file: process.execPath, args: [...node, join(here, 'kcat/main.ts')], env })
  }
  return {
    name: 'kcat',
    version,
    about: 'librdkafka (C) as Debian has it, through its command line; the version is of the library',
    needs: [],
    prepare,
  }
}

function toolsClient(version: string): Client {
  const sources = join(here, 'tools')
  async function prepare(): Promise<Program> {
    const folder = await installed('tools', sources, async (target) => {
      copyFileSync(join(sources, 'pom.xml'), join(target, 'pom.xml'))
      const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${target}/lib`]
      await run('mvn', ['--batch-mode', '--quiet', `-Dkafka.version=${version}`, ...goal], target)
    })
    return { file: process.execPath, args: [...node, join(sources, 'main.ts')], env: { MATRIX_CLASSPATH: `${folder}/lib/*` } }
  }
  const about = "Apache Kafka's command-line tools"
  return { name: 'tools', version, about, needs: ['java', 'mvn'], scenarios: toolScenarioNames, prepare }
}

export const clients: readonly Client[] = [
  nodeClient('kafkajs', 'kafkajs', 'the client that most Node programs have'),
  nodeClient('platformatic', '@platformatic/kafka', '`@platformatic/kafka`, the newer client for Node'),
  pythonClient('kafka-python', 'Python, in Python alone'),
  pythonClient('confluent-kafka', 'librdkafka (C), through its binding for Python'),
  kcatClient(),
  javaClient('3.9.1'),
  javaClient('4.1.1'),
  toolsClient('4.1.1'),
  goClient('franz-go', 'github.com/twmb/franz-go'),
  goClient('sarama', 'github.com/IBM/sarama'),
]
