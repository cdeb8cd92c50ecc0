using ControlCenter.Domain.Events;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlCenter.Runtime.EventLog;

/// <summary>The event log as EF Core reads it. The table itself is made by SQL in the first migration: EF knows no partitions.</summary>
public sealed class EventTables : IEntityTypeConfiguration<EventRecord>
{
    /// <inheritdoc />
    public void Configure(EntityTypeBuilder<EventRecord> builder)
    {
        builder.ToTable("events", t => t.ExcludeFromMigrations());
        builder.HasKey(e => e.Seq);
        builder.Property(e => e.Data).HasColumnType("jsonb");
        builder.Ignore(e => e.Subject);
    }
}
