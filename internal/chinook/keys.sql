-- Foreign keys and their indexes, under the names that the server gives them by itself. Made after the rows
-- are in: checking them all at once is much quicker than one by one.

alter table album add foreign key (artist_id) references artist;
alter table track add foreign key (album_id) references album;
alter table track add foreign key (genre_id) references genre;
alter table track add foreign key (media_type_id) references media_type;
alter table employee add foreign key (reports_to) references employee;
alter table customer add foreign key (support_rep_id) references employee;
alter table invoice add foreign key (customer_id) references customer;
alter table invoice_line add foreign key (invoice_id) references invoice;
alter table invoice_line add foreign key (track_id) references track;
alter table playlist_track add foreign key (playlist_id) references playlist;
alter table playlist_track add foreign key (track_id) references track;

create index on album (artist_id);
create index on track (album_id);
create index on track (genre_id);
create index on track (media_type_id);
create index on employee (reports_to);
create index on customer (support_rep_id);
create index on invoice (customer_id);
create index on invoice_line (invoice_id);
create index on invoice_line (track_id);
create index on playlist_track (playlist_id);
create index on playlist_track (track_id);
