// A server on Node's http2 that does what the path of a request says. Arguments: port, key, cert.
'use strict';
const fs = require('node:fs');
const http2 = require('node:http2');

const [port, key, cert] = process.argv.slice(2);
const server = http2.createSecureServer({
  key: fs.readFileSync(key),
  cert: fs.readFileSync(cert),
  settings: { maxConcurrentStreams: 100, maxHeaderListSize: 8000 },
});

server.on('session', (session) => {
  session.origin('https://origin.test'); // a frame that the client does not know
  session.on('error', () => {});
});

server.on('stream', (stream, headers) => {
  const path = headers[':path'];
  stream.on('error', () => {});
  const body = [];
  stream.on('data', (chunk) => body.push(chunk));
  stream.on('end', () => answer(stream, path, Buffer.concat(body)));
});

function answer(stream, path, body) {
  const session = stream.session;
  switch (path) {
    case '/interim':
      stream.additionalHeaders({ ':status': 103, link: '</x>' });
      break;
    case '/trailer':
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ sum: String(body.length) }));
      stream.end(body);
      return;
    case '/refused':
      stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      return;
    case '/push':
      if (stream.pushAllowed) throw new Error('the client allows a push');
      break;
    case '/ping':
      session.ping((err) => { stream.respond({ ':status': err ? 500 : 204 }, { endStream: true }); });
      return;
    case '/one': // an error lowers the limit, as APNs does; 4xx first, SETTINGS after
      stream.respond({ ':status': 400 }, { endStream: true });
      session.settings({ maxConcurrentStreams: 1 });
      return;
    case '/all':
      stream.respond({ ':status': 200 }, { endStream: true });
      session.settings({ maxConcurrentStreams: 100, headerTableSize: 0, initialWindowSize: 20 });
      return;
    case '/silent':
      return;
    case '/goaway':
      session.goaway(0, stream.id, Buffer.from('{"reason":"Shutdown"}'));
      setTimeout(() => stream.respond({ ':status': 200 }, { endStream: true }), 50);
      return;
  }
  stream.respond({ ':status': 200, 'x-path': path });
  stream.end(body);
}

server.listen(Number(port), '127.0.0.1');
