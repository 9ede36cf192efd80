import type { GroupTopic, GroupTopics } from '../../../coordinators/groups/consumer/topics.ts'
import type { Topic } from '../../topics/topic.ts'
import type { Topics } from '../../topics/topics.ts'

/** The broker's topics, as consumer groups know them. */
export function groupTopicsOf(topics: Topics): GroupTopics {
  const known = (topic: Topic | undefined): GroupTopic | undefined =>
    topic && { name: topic.name, id: topic.idText, partitionCount: topic.partitionCount }
  return {
    get version() {
      return topics.version
    },
    named: (name) => known(topics.named(name)),
    withId: (id) => known(topics.withId(Buffer.from(id, 'base64url'))),
    *all() {
      for (const topic of topics.all()) yield known(topic)!
    },
  }
}
