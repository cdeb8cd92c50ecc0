using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlCenter.Runtime.Access;

/// <summary>Actors.</summary>
public sealed class ActorTable : IEntityTypeConfiguration<Actor>
{
    /// <inheritdoc />
    public void Configure(EntityTypeBuilder<Actor> builder)
    {
        builder.ToTable("actors", t => t.HasWireNameCheck<Role>("role"));
        builder.HasKey(a => a.Id);
        builder.Property(a => a.Id).ValueGeneratedNever();
        builder.Property(a => a.Role).HasWireName();
        builder.Property(a => a.CreatedAt).HasDefaultValueSql("clock_timestamp()");
        builder.HasIndex(a => a.Name).IsUnique().HasDatabaseName("actors_by_name");
    }
}

/// <summary>Keys.</summary>
public sealed class ApiKeyTable : IEntityTypeConfiguration<ApiKey>
{
    /// <inheritdoc />
    public void Configure(EntityTypeBuilder<ApiKey> builder)
    {
        builder.ToTable("api_keys", t => t.HasCheckConstraint("api_keys_hash_check", "length(hash) = 32"));
        builder.HasKey(k => k.Id);
        builder.Property(k => k.Id).ValueGeneratedNever();
        builder.Property(k => k.CreatedAt).HasDefaultValueSql("clock_timestamp()");
        builder.HasIndex(k => k.Hash).IsUnique().HasDatabaseName("api_keys_by_hash");
        builder.HasIndex(k => k.ActorId).HasDatabaseName("api_keys_by_actor");
        builder.HasOne<Actor>().WithMany().HasForeignKey(k => k.ActorId).OnDelete(DeleteBehavior.Restrict);
    }
}

/// <summary>The audit.</summary>
public sealed class AuditTable : IEntityTypeConfiguration<AuditEntry>
{
    /// <inheritdoc />
    public void Configure(EntityTypeBuilder<AuditEntry> builder)
    {
        builder.ToTable("audit_entries");
        builder.HasKey(a => a.Id);
        builder.Property(a => a.Id).ValueGeneratedNever();
        builder.Property(a => a.Detail).HasColumnType("jsonb");
        builder.Property(a => a.At).HasDefaultValueSql("clock_timestamp()");
        builder.HasIndex(a => a.At).HasDatabaseName("audit_entries_by_time");
    }
}
