using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Access;

/// <summary>A key that is in force, and whose it is.</summary>
/// <param name="KeyId">Which key.</param>
/// <param name="Caller">Whose.</param>
public sealed record KeyHolder(Guid KeyId, Caller Caller);

/// <summary>Tells who a key belongs to, from memory where it was asked before: a request of a busy agent costs no query.</summary>
/// <remarks>What is remembered is dropped when the log tells of a revocation, and in any case after <see cref="RememberedFor"/>.</remarks>
public sealed class CallerDirectory(NpgsqlDataSource database, TimeProvider time)
{
    // The longest that a revoked key can go on if the log's word of it does not arrive.
    private static readonly TimeSpan RememberedFor = TimeSpan.FromSeconds(30);

    // Keys that do not exist are not remembered, so this bounds the real ones; beyond it everything is asked again.
    private const int MostRemembered = 50_000;

    private readonly ConcurrentDictionary<KeyHash, Remembered> _known = new();
    private readonly ConcurrentDictionary<Guid, long> _inForce = new();
    private readonly ConcurrentDictionary<Guid, bool> _used = new();
    private readonly Lock _gate = new();
    private TaskCompletionSource _forgotten = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when everything is forgotten next: somebody's key has been revoked.</summary>
    public Task Forgotten
    {
        get
        {
            lock (_gate)
            {
                return _forgotten.Task;
            }
        }
    }

    /// <summary>Who presents this key, or null if it is unknown, expired or revoked.</summary>
    public async ValueTask<KeyHolder?> FindAsync(string key, CancellationToken cancellationToken)
    {
        var hash = KeyHash.Of(key);
        if (!_known.TryGetValue(hash, out var known) || time.GetElapsedTime(known.At) > RememberedFor)
        {
            var asOf = Forgotten;
            known = await LookUpAsync(hash, cancellationToken);
            if (known is null)
            {
                _known.TryRemove(hash, out _);
                return null;
            }

            Remember(_known, hash, known, asOf);
            Remember(_inForce, known.Holder.KeyId, known.At, asOf);
        }

        _used.TryAdd(known.Holder.KeyId, true);
        return known.Holder;
    }

    /// <summary>Whether a key that was good before still is: what a session is asked that goes on after it was opened.</summary>
    public async ValueTask<bool> IsInForceAsync(Guid keyId, CancellationToken cancellationToken)
    {
        _used.TryAdd(keyId, true);
        if (_inForce.TryGetValue(keyId, out var at) && time.GetElapsedTime(at) <= RememberedFor)
        {
            return true;
        }

        var asOf = Forgotten;
        if (!(await FindInForceAsync([keyId], cancellationToken)).Contains(keyId))
        {
            _inForce.TryRemove(keyId, out _);
            return false;
        }

        Remember(_inForce, keyId, time.GetTimestamp(), asOf);
        return true;
    }

    /// <summary>Whether nothing has been revoked since this key was last found to be good.</summary>
    public bool IsStillRemembered(Guid keyId) => _inForce.ContainsKey(keyId);

    /// <summary>Those of the keys that are in force, by the database's word and not from memory.</summary>
    public async Task<HashSet<Guid>> FindInForceAsync(Guid[] keys, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"select k.id from api_keys k where k.id = any(@keys) and {RevokeKeys.InForce}");
        command.Parameters.AddWithValue("keys", keys);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new HashSet<Guid>();
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(reader.GetGuid(0));
        }

        return found;
    }

    /// <summary>Forgets everything remembered.</summary>
    public void Forget()
    {
        TaskCompletionSource forgotten;
        lock (_gate)
        {
            _known.Clear();
            _inForce.Clear();
            forgotten = _forgotten;
            _forgotten = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        forgotten.SetResult();
    }

    /// <summary>The keys that have been used since this was last asked.</summary>
    internal Guid[] TakeUsed()
    {
        var used = _used.Keys.ToArray();
        foreach (var id in used)
        {
            _used.TryRemove(id, out _);
        }

        return used;
    }

    // What was read before everything was forgotten may be from before the revocation: it answers its caller, and is not kept.
    private void Remember<TKey, TValue>(ConcurrentDictionary<TKey, TValue> among, TKey key, TValue value, Task asOf)
        where TKey : notnull
    {
        lock (_gate)
        {
            if (asOf != _forgotten.Task)
            {
                return;
            }

            if (among.Count >= MostRemembered)
            {
                among.Clear();
            }

            among[key] = value;
        }
    }

    private async Task<Remembered?> LookUpAsync(KeyHash hash, CancellationToken cancellationToken)
    {
        var bytes = hash.ToArray();
        await using var command = database.CreateCommand(
            $"""
            select k.id, k.hash, a.id, a.name, a.role
            from api_keys k join actors a on a.id = k.actor_id
            where k.hash = @hash and {RevokeKeys.InForce}
            """);
        command.Parameters.AddWithValue("hash", bytes);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            && CryptographicOperations.FixedTimeEquals(reader.GetFieldValue<byte[]>(1), bytes)
            ? new Remembered(
                new KeyHolder(reader.GetGuid(0), new Caller(reader.GetGuid(2), reader.GetString(3), WireNames<Role>.Parse(reader.GetString(4)))),
                time.GetTimestamp())
            : null;
    }

    private sealed record Remembered(KeyHolder Holder, long At);

    /// <summary>A SHA-256 as a value, so that a look-up allocates nothing.</summary>
    private readonly record struct KeyHash(UInt128 High, UInt128 Low)
    {
        public static KeyHash Of(string key)
        {
            Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
            Span<byte> text = stackalloc byte[512];
            if (Encoding.UTF8.TryGetBytes(key, text, out var written))
            {
                SHA256.HashData(text[..written], hash);
            }
            else
            {
                SHA256.HashData(Encoding.UTF8.GetBytes(key), hash);
            }

            return new KeyHash(
                System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(hash),
                System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(hash[16..]));
        }

        public byte[] ToArray()
        {
            var bytes = new byte[SHA256.HashSizeInBytes];
            System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes, High);
            System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes.AsSpan(16), Low);
            return bytes;
        }
    }
}

/// <summary>Notes when keys were last used, at the most once a minute each, and forgets callers when the log tells of a revocation.</summary>
public sealed class TrackKeyUse(CallerDirectory directory, NpgsqlDataSource database, EventFeed feed, TimeProvider time, ILogger<TrackKeyUse> logger)
    : SupervisedService("key-use", time, logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    /// <inheritdoc />
    public override TimeSpan SilentAfter => Interval * 3;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken) =>
        await Task.WhenAny(WriteUsesAsync(stoppingToken), ForgetRevokedAsync(stoppingToken)).Unwrap();

    private async Task WriteUsesAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            var used = directory.TakeUsed();
            if (used.Length > 0)
            {
                await using var command = database.CreateCommand("update api_keys set last_used_at = clock_timestamp() where id = any(@ids)");
                command.Parameters.AddWithValue("ids", used);
                await command.ExecuteNonQueryAsync(stoppingToken);
            }

            Beat($"{used.Length} keys in use");
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task ForgetRevokedAsync(CancellationToken stoppingToken)
    {
        var position = feed.Head;
        var seen = new List<FeedEvent>();
        while (true)
        {
            await feed.WaitForMoreAsync(position, stoppingToken);
            seen.Clear();
            var read = feed.Read(position, FeedScope.Everything, seen, int.MaxValue);
            if (read is null || seen.Exists(e => e.Record.Kind == "security.key_revoked"))
            {
                directory.Forget();
            }

            position = read ?? feed.Head;
        }
    }
}
