using System.Reflection;
using ControlCenter.Runtime.Storage;
using ControlCenter.TestSupport;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Migrations.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ControlCenter.Runtime.Tests.Storage;

public sealed class RiskyMigrationTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_migration_that_is_marked_does_nothing_until_there_is_a_base_of_just_now_with_its_log()
    {
        await using var database = NpgsqlDataSource.Create(await TestCluster.CreateDatabaseAsync(Stop));
        var migrate = new MigrateDatabase(new WithDrop(database), new MigrationGuard(BackupsAreTaken: true), NullLogger<MigrateDatabase>.Instance);
        (await Should.ThrowAsync<InvalidOperationException>(() => migrate.ExecuteAsync(Stop))).Message.ShouldContain("29990101000000_Drop: drops the rate limits");
        (await IsThereAsync()).ShouldBeTrue();

        await ExecuteAsync(
            """
            insert into actors (id, name, role) values ('00000000-0000-7000-8000-000000000001', 'control-center', 'system_service') on conflict do nothing;
            insert into backups (id, kind, state, requested_by, ended_at, timeline, stop_lsn)
            select gen_random_uuid(), 'base', 'succeeded', id, clock_timestamp(), 1, '0/10' from actors limit 1;
            """);
        await Should.ThrowAsync<InvalidOperationException>(() => migrate.ExecuteAsync(Stop));
        await ExecuteAsync("insert into wal_shipments (id, at, timeline, through, snapshot_id, is_sealed, bytes_added, seconds) values (gen_random_uuid(), clock_timestamp(), 1, '0/20', 'one', true, 1, 1)");
        await migrate.ExecuteAsync(Stop);
        (await IsThereAsync()).ShouldBeFalse();

        async Task<bool> IsThereAsync()
        {
            await using var command = database.CreateCommand("select to_regclass('rate_limits') is not null");
            return (bool)(await command.ExecuteScalarAsync(Stop))!;
        }

        async Task ExecuteAsync(string sql)
        {
            await using var command = database.CreateCommand(sql);
            await command.ExecuteNonQueryAsync(Stop);
        }
    }

    private sealed class WithDrop(NpgsqlDataSource database) : IDbContextFactory<ControlCenterDb>
    {
        public ControlCenterDb CreateDbContext() => new(new DbContextOptionsBuilder<ControlCenterDb>()
            .UseNpgsql(database).ReplaceService<IMigrationsAssembly, OneMore>().ConfigureWarnings(w => w.Ignore(RelationalEventId.PendingModelChangesWarning)).Options);
    }

#pragma warning disable EF1001 // The one way to have a migration more, which is no part of the program.
    private sealed class OneMore(ICurrentDbContext current, IDbContextOptions options, IMigrationsIdGenerator ids, IDiagnosticsLogger<DbLoggerCategory.Migrations> logger)
        : MigrationsAssembly(current, options, ids, logger)
    {
        public override IReadOnlyDictionary<string, TypeInfo> Migrations =>
            new SortedDictionary<string, TypeInfo>(base.Migrations.ToDictionary()) { ["29990101000000_Drop"] = typeof(Drop).GetTypeInfo() };
    }
#pragma warning restore EF1001

    [Migration("29990101000000_Drop")]
    [RiskyMigration("drops the rate limits")]
    private sealed class Drop : Migration
    {
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql("drop table rate_limits");
    }
}
