import { Argument, Command, Option } from 'commander'
import { logFlags } from '../settings.ts'
import type { CommandIo } from '../terminal.ts'

type Finish = (exitCode: number) => void
type Flags = { readonly [name: string]: unknown }

/** The commands about the log: a broker, and what speaks to one. */
export function addLogCommands(program: Command, io: CommandIo, finish: Finish): void {
  addBroker(program, io, finish)
  addTopics(program, io, finish)
  addProduce(program, io, finish)
  addConsume(program, io, finish)
  addGroups(program, io, finish)
}

function addBroker(program: Command, io: CommandIo, finish: Finish): void {
  const broker = program.command('broker').description('run a log here: one broker, for every client of Kafka')
  addFlags(broker, 'broker.')
  broker
    .addOption(pairs('--config <name=value>', "setting of the broker by Kafka's name; may be repeated"))
    .addOption(fileOption())
    .action(async (flags: Flags) => {
      const { brokerCommand } = await import('./broker.ts')
      finish(await brokerCommand(flags, io))
    })
}

function addTopics(program: Command, io: CommandIo, finish: Finish): void {
  const topics = program.command('topics').description('list, create, describe, delete and alter topics')
  const add = (
    name: string,
    description: string,
    run: (names: readonly string[], flags: Flags) => Promise<number>,
    ...args: Argument[]
  ): Command => {
    const command = withClient(topics.command(name).description(description)).addOption(formatOption())
    for (const argument of args) command.addArgument(argument)
    return command.action(async (...given: unknown[]) => {
      const names = args.length === 0 ? [] : [given[0]].flat()
      finish(await run(names as readonly string[], given[args.length] as Flags))
    })
  }
  const one = new Argument('<topic>', 'its name')
  const several = new Argument('<topic...>', 'their names')
  const load = () => import('./topics.ts')
  add('list', 'names, partitions, replicas', async (_, flags) => (await load()).listTopics(flags, io)).option(
    '--internal',
    'also those that brokers keep for themselves',
    false,
  )
  add('create', 'make a topic', async (names, flags) => (await load()).createTopic(names[0]!, flags, io), one)
    .option('--partitions <n>', 'how many (default: num.partitions of the broker)')
    .option('--replication-factor <n>', 'how many copies (default: default.replication.factor of the broker)')
    .addOption(pairs('--config <name=value>', "setting of the topic by Kafka's name; may be repeated"))
  add(
    'describe',
    'partitions, leaders, offsets, settings',
    async (names, flags) => (await load()).describeTopics(names, flags, io),
    several,
  )
  add('delete', 'delete topics with all their records', async (names, flags) => (await load()).deleteTopics(names, flags, io), several)
  add('alter', 'add partitions, change settings', async (names, flags) => (await load()).alterTopic(names[0]!, flags, io), one)
    .option('--partitions <n>', 'more than it has')
    .addOption(pairs('--config <name=value>', "setting of the topic by Kafka's name; may be repeated"))
    .addOption(new Option('--delete-config <name>', 'back to its default; may be repeated').default([], 'none').argParser(collect))
}

function addProduce(program: Command, io: CommandIo, finish: Finish): void {
  withClient(program.command('produce').description('write the lines of the standard input as records'))
    .argument('<topic>', 'where to')
    .option('--json', 'each line is an object {"key", "value", "headers", "partition", "timestamp"}, as consume prints it', false)
    .option('--key <text>', 'key of every record that has none of its own')
    .option('--key-separator <text>', 'a line is a key, this, and a value')
    .addOption(pairs('--header <name=value>', 'header of every record; may be repeated'))
    .option('--partition <n>', 'partition of every record (default: with --json that of the line, if it has one; else by the key)')
    .option('--ignore-partition', 'with --json: by the key, whatever partition the line has', false)
    .addOption(new Option('--compression <type>', 'of batches').choices(['none', 'gzip', 'snappy', 'lz4', 'zstd']).default('none'))
    .addOption(new Option('--acks <all|1|0>', 'who has it before it counts as written').choices(['all', '1', '0']).default('all'))
    .action(async (topic: string, flags: Flags) => {
      const { produceCommand } = await import('./produce.ts')
      finish(await produceCommand(topic, flags, io))
    })
}

function addConsume(program: Command, io: CommandIo, finish: Finish): void {
  withClient(program.command('consume').description('print records, one line each'))
    .argument('<topic>', 'where from')
    .option(
      '--from <beginning|end|OFFSET|TIME>',
      'where to begin; a time like 2026-01-31T12:00:00Z, or 10m for ten minutes ago (default: beginning, with --follow the end)',
    )
    .option('-f, --follow', 'go on when the end is reached, until Ctrl-C', false)
    .option('-n, --max <n>', 'stop after so many records')
    .addOption(new Option('--partition <n>', 'only this one; may be repeated').default([], 'all').argParser(collect))
    .option('--group <id>', 'read as a member of this group and commit; --from holds where it has committed nothing')
    .addOption(
      new Option('--isolation <level>', 'whether records of transactions that are open or aborted are shown')
        .choices(['committed', 'uncommitted'])
        .default('committed'),
    )
    .addOption(new Option('--format <json|value>', 'objects, or the values as they are').choices(['json', 'value']).default('json'))
    .action(async (topic: string, flags: Flags) => {
      const { consumeCommand } = await import('./consume.ts')
      finish(await consumeCommand(topic, flags, io))
    })
}

function addGroups(program: Command, io: CommandIo, finish: Finish): void {
  const groups = program.command('groups').description('list, describe, reset and delete consumer groups')
  const load = () => import('./groups.ts')
  withClient(groups.command('list').description('ids and states'))
    .addOption(formatOption())
    .action(async (flags: Flags) => finish(await (await load()).listGroups(flags, io)))
  withClient(groups.command('describe').description('offsets, lag, members'))
    .argument('<group>', 'its id')
    .addOption(formatOption())
    .action(async (group: string, flags: Flags) => finish(await (await load()).describeGroup(group, flags, io)))
  withClient(groups.command('reset-offsets').description('set where a group without members goes on'))
    .argument('<group>', 'its id')
    .requiredOption('--topic <name>', 'of which topic')
    .requiredOption('--to <beginning|end|OFFSET|TIME>', 'where to; a time like 2026-01-31T12:00:00Z, or 10m for ten minutes ago')
    .addOption(new Option('--partition <n>', 'only this one; may be repeated').default([], 'all').argParser(collect))
    .option('--dry-run', 'only show what would be', false)
    .addOption(formatOption())
    .action(async (group: string, flags: Flags) => finish(await (await load()).resetOffsets(group, flags, io)))
  withClient(groups.command('delete').description('delete groups without members, and their offsets'))
    .argument('<group...>', 'their ids')
    .action(async (ids: readonly string[], flags: Flags) => finish(await (await load()).deleteGroups(ids, flags, io)))
}

function withClient(command: Command): Command {
  addFlags(command, 'client.')
  return command
    .addOption(
      pairs('--client-config <name=value>', "setting of the client by Kafka's name, such as security.protocol=SASL_SSL; may be repeated"),
    )
    .addOption(fileOption())
}

function addFlags(command: Command, prefix: string): void {
  for (const flag of logFlags) {
    if (!flag.key.startsWith(prefix)) continue
    const option = new Option(flag.syntax, flag.description)
    if (flag.key === 'broker.dir') option.argParser((text: string, before: string | undefined) => [before ?? [], text].flat().join(','))
    command.addOption(option)
    if (flag.negated !== undefined) command.addOption(new Option(flag.negated).hideHelp())
  }
}

function formatOption(): Option {
  return new Option('--format <table|json>', 'for people, or one object a line').choices(['table', 'json']).default('table')
}

function fileOption(): Option {
  return new Option('--config-file <path>', 'file of options').default(undefined, 'millrace.yaml, if it is there')
}

function pairs(syntax: string, description: string): Option {
  return new Option(syntax, description).default([], 'none').argParser(collect)
}

function collect(text: string, previous: readonly string[]): readonly string[] {
  return [...previous, text]
}
