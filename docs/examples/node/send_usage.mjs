// Sends usage of one workspace and returns when Kafka has acknowledged every record.
//
//   npm install
//   node send_usage.mjs wksp_a
//
// A run that fails may simply be repeated: an event has the same identity and content, so it counts once.

import { ProduceAcks, Producer, stringSerializers } from '@platformatic/kafka'

const topic = (process.env.METER_TOPIC_PREFIX ?? '') + 'usage'

/** One event. Its id follows from what it reports, so a second attempt makes the same id. */
function usage (workspace, item, quantity, at) {
  const time = at.toISOString()
  return {
    specversion: '1.0',
    id: `${item}-${quantity}-${time}`,
    source: 'examples/node',
    type: 'usage.recorded',
    subject: workspace,
    time,
    data: { item, quantity }
  }
}

/** The whole event as JSON in the value. */
function structured (event) {
  return { topic, key: event.subject, value: JSON.stringify(event) }
}

/** Attributes in headers that begin with ce_, only the data in the value. */
function binary ({ data, ...attributes }) {
  const headers = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce_${name}`, value]))
  return { topic, key: attributes.subject, value: JSON.stringify(data), headers }
}

const workspace = process.argv[2]
const minute = new Date(Math.floor(Date.now() / 60_000) * 60_000)
const first = usage(workspace, 'logs', 1_000_000, minute)
const second = usage(workspace, 'logs', 2_000_000, minute)
const messages = [structured(first), structured(first), binary(second)] // the second is a repeat: it counts once

const producer = new Producer({
  clientId: 'examples',
  bootstrapBrokers: (process.env.METER_BROKER ?? '127.0.0.1:9092').split(','),
  serializers: stringSerializers,
  idempotent: true,
  acks: ProduceAcks.ALL
})
try {
  await producer.send({ messages }) // rejects what Kafka did not take: run it again
  console.log(`${messages.length} records acknowledged`)
} finally {
  await producer.close()
}
